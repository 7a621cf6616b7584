import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../../../../../conformance/runners/free-port.ts'
import type { Parts, Place, ProxyKind } from './proxies.ts'

const root = fileURLToPath(new URL('../../../../../..', import.meta.url))
export const certPath = join(root, 'examples/http2/localhost-certificate.pem')
const keyPath = join(root, 'examples/http2/localhost-key.pem')

export interface RunningProxy {
  readonly url: string
  stop(): Promise<void>
}

/** Starts a proxy in front of `127.0.0.1:PORT`. `parts` replaces what is right. */
export async function startProxy(
  proxy: ProxyKind,
  upstream: string,
  { parts = {}, isHttp2 = false }: { parts?: Parts; isHttp2?: boolean } = {},
): Promise<RunningProxy> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(proxy, upstream, parts, isHttp2)
    } catch (error) {
      // Somebody else may have taken a port in between.
      if (attempt === 3) throw error
    }
  }
}

async function start(proxy: ProxyKind, upstream: string, parts: Parts, isHttp2: boolean): Promise<RunningProxy> {
  const directory = mkdtempSync(join(tmpdir(), `headwater-doctor-${proxy.name}-`))
  // For the users that proxies become.
  chmodSync(directory, 0o777)
  mkdirSync(join(directory, 'work'), { mode: 0o777 })
  const pemPath = join(directory, 'both.pem')
  writeFileSync(pemPath, readFileSync(certPath, 'utf8') + readFileSync(keyPath, 'utf8'))
  const [port, spare] = [await freePort(), await freePort()]
  const place: Place = { directory, port, spare, upstream, certPath, keyPath, pemPath }
  const all = { ...proxy.right, ...(isHttp2 && proxy.http2?.(place)), ...parts }
  for (const [name, text] of Object.entries(proxy.files(all, place))) writeFileSync(join(directory, name), text)
  const child = spawn(proxy.binary, proxy.command(place), {
    // A group of its own, so that none of its workers outlives a test.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  const exited = once(child, 'exit')
  const stop = async () => {
    killGroup(child)
    await exited
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }
  while (!(await accepts(port))) {
    if (child.exitCode !== null) {
      await stop()
      throw new Error(`${proxy.title} did not start:\n${output}`)
    }
    await wait(50)
  }
  return { url: isHttp2 ? `https://localhost:${port}/` : `http://127.0.0.1:${port}/`, stop }
}

function killGroup(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch (error) {
    // The whole group is over already.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect({ port, host: '127.0.0.1' })
  try {
    await once(socket, 'connect')
    return true
  } catch (error) {
    if (error instanceof Error) return false
    throw error
  } finally {
    socket.destroy()
  }
}
