import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { connect } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { freePort } from '../../conformance/runners/free-port.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
export const certPath = join(root, 'examples/http2/localhost-certificate.pem')
const keyPath = join(root, 'examples/http2/localhost-key.pem')

/** A real proxy, run with the configuration file that we ship. */
export interface ProxyKind {
  readonly name: string
  readonly binary: string
  readonly config: string
  /** What a user would change in the file, or has to for a test: each text has to be there. */
  edits(places: Places): [shipped: string, tested: string][]
  /** Its command line. */
  start(config: string, directory: string): string[]
  reload(child: ChildProcess, config: string, places: Places): Promise<unknown>
}

export interface ProxyOptions {
  /** Where the hub is: `127.0.0.1:PORT`. */
  readonly hub: string
  /** How long a stream may be silent, such as `5s`. Default: as shipped. */
  readonly idleTimeout?: string
  /** Believe the X-Forwarded-For of clients on this machine, as if they were yet another proxy in front. Default: false. */
  readonly isSecond?: boolean
}

interface Places extends ProxyOptions {
  readonly directory: string
  readonly httpPort: number
  readonly httpsPort: number
  readonly adminPort: number
}

const isRoot = process.getuid?.() === 0

export const nginx: ProxyKind = {
  name: 'nginx',
  binary: '/usr/sbin/nginx',
  config: 'nginx.conf',
  edits: ({ hub, directory, httpPort, httpsPort, idleTimeout }) => [
    ['user www-data;', isRoot ? 'user www-data;' : ''],
    ['/run/nginx.pid', join(directory, 'nginx.pid')],
    ['/var/log/nginx/error.log', 'stderr'],
    ['/var/log/nginx/access.log', join(directory, 'access.log')],
    ['http {\n', `http {\n${temporaryPaths(directory)}`],
    ['listen 80;', `listen 127.0.0.1:${httpPort};`],
    ['listen 443 ', `listen 127.0.0.1:${httpsPort} `],
    ['hub.example.com;', 'localhost;'],
    ['/etc/ssl/hub.example.com/fullchain.pem', certPath],
    ['/etc/ssl/hub.example.com/privkey.pem', keyPath],
    ['127.0.0.1:3000 max_fails', `${hub} max_fails`],
    ['worker_processes auto', 'worker_processes 2'],
    ['worker_connections 32768', 'worker_connections 1024'],
    ['worker_rlimit_nofile 65536;', ''],
    ['proxy_read_timeout 60s', `proxy_read_timeout ${idleTimeout ?? '60s'}`],
  ],
  start: (config, directory) => ['-c', config, '-p', directory, '-e', 'stderr', '-g', 'daemon off;'],
  reload: async (child) => child.kill('SIGHUP'),
}

export const haproxy: ProxyKind = {
  name: 'HAProxy',
  binary: '/usr/sbin/haproxy',
  config: 'haproxy.cfg',
  edits: ({ hub, directory, httpPort, httpsPort, idleTimeout }) => [
    ['    user haproxy\n    group haproxy\n', isRoot ? '    user haproxy\n    group haproxy\n' : ''],
    ['maxconn 30000', 'maxconn 1000'],
    ['bind :80', `bind 127.0.0.1:${httpPort}`],
    ['bind :443', `bind 127.0.0.1:${httpsPort}`],
    ['/etc/haproxy/hub.example.com.pem', join(directory, 'hub.pem')],
    ['server hub 127.0.0.1:3000', `server hub ${hub}`],
    ['timeout client 60s', `timeout client ${idleTimeout ?? '60s'}`],
    ['timeout server 60s', `timeout server ${idleTimeout ?? '60s'}`],
  ],
  start: (config) => ['-W', '-f', config],
  reload: async (child) => child.kill('SIGUSR2'),
}

export const caddy: ProxyKind = {
  name: 'Caddy',
  binary: '/usr/bin/caddy',
  config: 'Caddyfile',
  edits: ({ hub, httpPort, httpsPort, adminPort, idleTimeout, isSecond }) => [
    ['localhost:2019', `127.0.0.1:${adminPort}`],
    ['http_port 80\n', `http_port ${httpPort}\n\tdefault_bind 127.0.0.1\n`],
    ['https_port 443', `https_port ${httpsPort}`],
    ['\nhub.example.com {', '\nlocalhost {'],
    ['# tls /etc/ssl/hub.example.com/fullchain.pem /etc/ssl/hub.example.com/privkey.pem', `tls ${certPath} ${keyPath}`],
    ['reverse_proxy 127.0.0.1:3000', `reverse_proxy ${hub}`],
    ['# trusted_proxies 192.0.2.1/32', isSecond ? 'trusted_proxies 127.0.0.1/32' : ''],
    ['read_timeout 60s', `read_timeout ${idleTimeout ?? '60s'}`],
  ],
  start: (config) => ['run', '--config', config, '--adapter', 'caddyfile'],
  reload: (_, config, { adminPort }) =>
    promisify(execFile)('/usr/bin/caddy', [
      ...['reload', '--force', '--config', config, '--adapter', 'caddyfile'],
      ...['--address', `127.0.0.1:${adminPort}`],
    ]),
}

/** Why a proxy cannot be tried; `undefined` when it can. */
export function whyNot({ name, binary }: ProxyKind): string | undefined {
  if (existsSync(binary)) return undefined
  return `${name} is not installed. To test it: sudo apt-get install ${name.toLowerCase()}`
}

/** A proxy that runs until its test is over. */
export class RunningProxy {
  readonly #kind: ProxyKind
  readonly #places: Places
  readonly #config: string
  #child: ChildProcess | undefined
  #exited: Promise<unknown> = Promise.resolve()
  #output = ''

  /** Starts one in front of a hub. */
  static async start(kind: ProxyKind, options: ProxyOptions): Promise<RunningProxy> {
    for (let attempt = 1; ; attempt++) {
      const [httpPort = 0, httpsPort = 0, adminPort = 0] = [await freePort(), await freePort(), await freePort()]
      const directory = mkdtempSync(join(tmpdir(), `headwater-${kind.name}-`))
      const proxy = new RunningProxy(kind, { ...options, directory, httpPort, httpsPort, adminPort })
      onTestFinished(async () => {
        await proxy.stop('SIGKILL')
        rmSync(directory, { recursive: true, force: true })
      })
      try {
        await proxy.#run()
        return proxy
      } catch (error) {
        // Somebody else may have taken a port in between.
        if (attempt === 3) throw error
        await proxy.stop('SIGKILL')
      }
    }
  }

  private constructor(kind: ProxyKind, places: Places) {
    this.#kind = kind
    this.#places = places
    this.#config = join(places.directory, kind.config)
    let text = readFileSync(join(root, 'deploy/proxies', kind.config), 'utf8')
    for (const [shipped, tested] of kind.edits(places)) {
      if (!text.includes(shipped)) throw new Error(`deploy/proxies/${kind.config} no longer says ${shipped}`)
      text = text.replaceAll(shipped, tested)
    }
    writeFileSync(this.#config, text)
    writeFileSync(join(places.directory, 'hub.pem'), readFileSync(certPath, 'utf8') + readFileSync(keyPath, 'utf8'))
  }

  get url(): string {
    return `https://localhost:${this.#places.httpsPort}`
  }

  get httpUrl(): string {
    return `http://localhost:${this.#places.httpPort}`
  }

  /** Starts it again, on the same ports, one of which something else may have for a moment. */
  async restart(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#run()
      } catch (error) {
        if (attempt === 20) throw error
        await wait(500)
      }
    }
  }

  async #run(): Promise<void> {
    const { directory } = this.#places
    const child = spawn(this.#kind.binary, this.#kind.start(this.#config, directory), {
      // A group of its own, so that none of its workers outlives a test.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
    })
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.#output += text
      })
    }
    this.#child = child
    this.#exited = once(child, 'exit')
    while (!(await accepts(this.#places.httpsPort))) {
      if (child.exitCode !== null) throw new Error(`${this.#kind.name} did not start:\n${this.#output}`)
      await wait(20)
    }
  }

  /** Has it read its configuration again. Resolves when it has begun to. */
  async reload(): Promise<void> {
    await this.#kind.reload(this.#child!, this.#config, this.#places)
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (!child?.pid) return
    try {
      if (signal === 'SIGKILL') process.kill(-child.pid, signal)
      else child.kill(signal)
    } catch (error) {
      // The whole group is over already.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
    await this.#exited
  }
}

function temporaryPaths(directory: string): string {
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return kinds.map((kind) => `${kind}_temp_path ${join(directory, kind)};\n`).join('')
}

/** Whether a TLS handshake succeeds: the port may be open sooner. */
async function accepts(port: number): Promise<boolean> {
  const socket = connect({ port, host: 'localhost', ca: readFileSync(certPath) })
  try {
    await once(socket, 'secureConnect')
    return true
  } catch (error) {
    if (error instanceof Error) return false
    throw error
  } finally {
    socket.destroy()
  }
}
