// What clients that misbehave leave in a server: `npm run bench:zombies --workspace bench`.
// Servers made with our library and with others, in Node, Bun and Deno. Each process has clients of one
// kind; all run at the same time, so this takes a little longer than MINUTES. Linux only: it reads /proc.
// As root, clients also vanish from a network that is cut.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { installed } from '../../conformance/runners/runtimes.ts'
import { canMakeNamespaces, Namespace } from '../../packages/hub/test/cluster/namespace.ts'
import { connectClient, type Kind, kinds } from './clients.ts'

const minutes = Number(process.env.MINUTES ?? 10)
const clients = Number(process.env.CLIENTS ?? 10)

/** A state of the kernel's table of connections. */
const listening = '0A'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
const servers = ['headwater-session', 'headwater-response', 'hono', 'h3', 'nest', 'better-sse', 'fastify-sse']
const runtimes = {
  Node: [process.execPath],
  Bun: [installed.bun.path],
  Deno: [installed.deno.path, 'run', '--allow-all', '--quiet'],
}

/** One server with clients of one kind. */
interface Subject {
  readonly runtime: string
  readonly server: string
  readonly kind: Kind
  readonly host: string
  readonly child: ChildProcess
  readonly port: number
  kilobytes: number
}

/** What is left of the clients of one subject, per client. */
interface Remains {
  readonly megabytes: number
  /** Of `clients`. */
  readonly sockets: number
  readonly believed: number
}

if (!existsSync(here('node_modules'))) execFileSync('npm', ['ci'], { cwd: here('.'), stdio: 'inherit' })
const present = Object.entries(runtimes).filter(([name, [path]]) => {
  if (existsSync(path!)) return true
  console.log(`Left out ${name}: there is no ${path}. Run npm ci --prefix conformance/runtimes.`)
  return false
})
const network = canMakeNamespaces() ? await Namespace.create(0) : undefined
if (!network) console.log('Left out clients that vanish: that needs root, unshare and ip.')

const subjects: Subject[] = []
try {
  const all = present.flatMap(([runtime]) =>
    servers.flatMap((server) =>
      [...kinds, ...(network ? (['half-open'] as const) : [])].map((kind) => ({ runtime, server, kind })),
    ),
  )
  console.log(`${all.length} servers with ${clients} clients each, for ${minutes} minutes.`)
  const starting = all.values()
  await Promise.all(
    [1, 2].map(async () => {
      for (const each of starting) subjects.push(await begin(each))
    }),
  )
  if (network) await cutOff(subjects.filter(({ kind }) => kind === 'half-open'))
  await wait(minutes * 60_000)
  const remains = new Map<Subject, Remains>()
  for (const subject of subjects) remains.set(subject, await examine(subject))
  report(remains)
} finally {
  for (const { child } of subjects) child.kill('SIGKILL')
  await network?.close()
}
process.exit()

/** Starts a server; then come its clients, unless they vanish. */
async function begin({ runtime, server, kind }: Pick<Subject, 'runtime' | 'server' | 'kind'>): Promise<Subject> {
  const host = kind === 'half-open' ? network!.engineAddress : '127.0.0.1'
  const [command, ...args] = runtimes[runtime as keyof typeof runtimes]
  const child = spawn(command!, [...args, here(`servers/${server}.mjs`)], {
    env: { ...process.env, HOST: host },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
  const port = Number(line.split(' ')[1])
  // It has served before its memory is looked at.
  const first = await connectClient('reset', host, port)
  await wait(1000)
  first.destroy()
  const subject = { runtime, server, kind, host, child, port, kilobytes: kilobytesOf(child.pid!) }
  if (kind !== 'half-open') for (let each = 0; each < clients; each++) await connectClient(kind, host, port)
  return subject
}

/** Connects clients from within the other network, and cuts it off without a word to either side. */
async function cutOff(vanishing: readonly Subject[]): Promise<void> {
  const [command, ...prefix] = network!.prefix
  const ports = vanishing.map(({ port }) => String(port))
  const args = [...prefix, process.execPath, here('half-open.ts'), vanishing[0]!.host, String(clients), ...ports]
  const child = spawn(command!, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(createInterface(child.stdout), 'line')
  network!.cut('both')
}

async function examine({ host, port, child, kilobytes }: Subject): Promise<Remains> {
  const megabytes = (kilobytesOf(child.pid!) - kilobytes) / 1024 / clients
  const sockets = socketsOf(child.pid!, port)
  const response = await fetch(`http://${host}:${port}/report`, { headers: { connection: 'close' } })
  const report = (await response.json()) as { clients: number }
  return { megabytes, sockets, believed: report.clients }
}

function kilobytesOf(pid: number): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
}

/** How many connections to its port a process holds open. */
function socketsOf(pid: number, port: number): number {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return []
      }
    }),
  )
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const lines = ['tcp', 'tcp6'].flatMap((name) => readFileSync(`/proc/${pid}/net/${name}`, 'utf8').split('\n').slice(1))
  return lines.filter((line) => {
    const [, local, , state, , , , , , inode] = line.trim().split(/\s+/)
    return local?.endsWith(`:${hexPort}`) && state !== listening && own.has(inode!)
  }).length
}

function report(remains: ReadonlyMap<Subject, Remains>): void {
  const shown = [...kinds, ...(network ? (['half-open'] as const) : [])]
  console.log(`\n| | ${shown.join(' | ')} |\n| --- |${' --- |'.repeat(shown.length)}`)
  for (const [runtime] of present) {
    for (const server of servers) {
      const cells = shown.map((kind) => {
        const found = [...remains].find(
          ([each]) => each.runtime === runtime && each.server === server && each.kind === kind,
        )
        return cellOf(found![1])
      })
      console.log(`| ${runtime}, ${server} | ${cells.join(' | ')} |`)
    }
  }
}

function cellOf({ megabytes, sockets, believed }: Remains): string {
  const belief = believed === sockets ? '' : `, believes in ${believed}`
  return `${sockets}${belief}; ${Math.max(0, megabytes).toFixed(1)}`
}
