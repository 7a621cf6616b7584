import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { freePort } from '../../../../../conformance/runners/free-port.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import type { PostgresServer } from './postgres-server.ts'

const binary = '/usr/sbin/pgbouncer'

/** Why no PgBouncer can be started here; `undefined` if it can. */
export const whyNoPgBouncer = existsSync(binary) ? undefined : `pgbouncer is not installed (${binary})`

export interface PoolerOptions {
  readonly mode: 'session' | 'transaction'
  /** The most connections to the server. Default 20. */
  readonly poolSize?: number
}

/** The real PgBouncer in front of a server, for the length of one test. Returns its port. */
export async function startPgBouncer(server: PostgresServer, { mode, poolSize = 20 }: PoolerOptions): Promise<number> {
  const port = await freePort()
  const directory = temporaryDirectory()
  // It refuses to run as root, and must read its file as another user.
  chmodSync(directory, 0o755)
  const config = join(directory, 'pgbouncer.ini')
  writeFileSync(
    config,
    `[databases]
postgres = host=127.0.0.1 port=${server.port} dbname=postgres user=headwater
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${poolSize}
`,
  )
  const user = process.getuid?.() === 0 ? ['--user=nobody'] : []
  const child: ChildProcess = spawn(binary, [...user, config], { stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  let said = ''
  for await (const text of child.stderr!.setEncoding('utf8')) {
    said += text as string
    if (said.includes('process up')) break
  }
  if (!said.includes('process up')) throw new Error(`PgBouncer did not start: ${said}`)
  child.stderr!.resume()
  return port
}
