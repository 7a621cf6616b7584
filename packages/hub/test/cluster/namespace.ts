import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Link } from './link.ts'

/** The addresses that are set aside for measuring networks: [RFC 2544]. Which of them, by chance: others may test here, too. */
const network = `198.18.${Math.floor(Math.random() * 256)}`

/** Whether this process may make namespaces, and the tools are there. */
export function canMakeNamespaces(): boolean {
  try {
    execFileSync('unshare', ['--net', '--mount', 'ip', 'link'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

interface Cable {
  readonly outside: string
  readonly inside: string
  readonly outsideName: string
  readonly insideName: string
}

/**
 * A network of its own for a hub, with two cables: one to its clients, one to the engine. A network that is cut says nothing: neither
 * end learns that its packets are lost. Everything is gone with the process that holds it, and that ends with this one.
 */
export class Namespace implements Link {
  readonly #holder: ChildProcess
  readonly #engine: Cable
  readonly #clients: Cable

  static async create(index: number): Promise<Namespace> {
    const holder = spawn('unshare', ['--net', '--mount', '--propagation', 'private', 'cat'], {
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    const own = readlinkSync('/proc/self/ns/mnt')
    while (readlinkSync(`/proc/${holder.pid}/ns/mnt`) === own) await pause(5)
    return new Namespace(holder, index)
  }

  private constructor(holder: ChildProcess, index: number) {
    this.#holder = holder
    this.#inside('ip', 'link', 'set', 'lo', 'up')
    this.#engine = this.#connect('engine', 8 * index)
    this.#clients = this.#connect('clients', 8 * index + 4)
    this.heal()
  }

  /** Where a hub in here listens for its clients. */
  get address(): string {
    return this.#clients.inside
  }

  /** Where a hub in here finds the engine. */
  get engineAddress(): string {
    return this.#engine.outside
  }

  /** What runs a command in here. */
  get prefix(): readonly string[] {
    return ['nsenter', `--target=${this.#holder.pid}`, '--net', '--mount', '--']
  }

  has(address: string): boolean {
    return address === this.#engine.inside
  }

  cut(direction: 'both' | 'there' | 'back'): void {
    if (direction !== 'back') this.#misdirect('inside')
    if (direction !== 'there') this.#misdirect('outside')
  }

  heal(): void {
    this.#pointTo('inside', this.#hardwareAddress(this.#engine.outsideName))
    this.#pointTo('outside', this.#hardwareAddressInside(this.#engine.insideName))
  }

  /** Gives a directory a small disk of its own. */
  mountDisk(directory: string): void {
    this.#inside('mount', '-t', 'tmpfs', '-o', 'size=1g,mode=700', 'tmpfs', directory)
  }

  /** Makes the disk as small as what is on it; `undefined` makes it large again. */
  fillDisk(directory: string, isFull: boolean): void {
    const used = () => Number(this.#inside('df', '--block-size=1', '--output=used', directory).split('\n')[1]) + 4096
    this.#inside('mount', '-o', `remount,size=${isFull ? used() : '1g'}`, directory)
  }

  async close(): Promise<void> {
    const exited = once(this.#holder, 'exit')
    this.#holder.kill('SIGKILL')
    await exited
  }

  #connect(insideName: string, first: number): Cable {
    const outsideName = `hw${process.pid}-${first}`
    const cable = { outside: `${network}.${first + 1}`, inside: `${network}.${first + 2}`, outsideName, insideName }
    ip('link', 'add', outsideName, 'type', 'veth', 'peer', 'name', insideName, 'netns', String(this.#holder.pid))
    ip('address', 'add', `${cable.outside}/30`, 'dev', outsideName)
    ip('link', 'set', outsideName, 'up')
    this.#inside('ip', 'address', 'add', `${cable.inside}/30`, 'dev', insideName)
    this.#inside('ip', 'link', 'set', insideName, 'up')
    return cable
  }

  /** Packets from one end go to a card that is not there. */
  #misdirect(end: 'inside' | 'outside'): void {
    this.#pointTo(end, '02:00:00:00:00:01')
  }

  #pointTo(end: 'inside' | 'outside', hardwareAddress: string): void {
    const { outside, inside, outsideName, insideName } = this.#engine
    const [from, to] = end === 'inside' ? [insideName, outside] : [outsideName, inside]
    const args = ['neighbor', 'replace', to, 'lladdr', hardwareAddress, 'dev', from, 'nud', 'permanent']
    if (end === 'inside') this.#inside('ip', ...args)
    else ip(...args)
  }

  #hardwareAddress(name: string): string {
    return readFileSync(`/sys/class/net/${name}/address`, 'utf8').trim()
  }

  #hardwareAddressInside(name: string): string {
    const [link] = JSON.parse(this.#inside('ip', '-json', 'link', 'show', name)) as [{ address: string }]
    return link.address
  }

  #inside(command: string, ...args: string[]): string {
    const [nsenter, ...entering] = this.prefix
    return execFileSync(nsenter!, [...entering, command, ...args], { encoding: 'utf8', stdio: 'pipe' })
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: 'pipe' })
}
