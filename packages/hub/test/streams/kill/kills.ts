import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { readEvents } from '@headwater/sse'
import { freePort } from '../../../../../conformance/runners/free-port.ts'
import { typescript } from '../../from-source.ts'
import { seeded } from '../../store/remote-store.ts'
import { type Script, tokenOf } from './script.ts'

export interface KillOptions {
  readonly seed: number
  readonly kills: number
  readonly streams: number
}

/** What came of a run. */
export interface KillReport {
  readonly kills: Readonly<Record<'hub' | 'producer' | 'reader', number>>
  readonly ended: Readonly<Record<string, number>>
  readonly tokens: number
  readonly readings: number
  /**
   * How late after that a stream whose producer stayed away was ended, at most, in milliseconds: after the
   * producer was killed, or after a hub that was killed later was up again.
   */
  readonly lostAfterMs: { readonly producer: number; readonly hub: number }
  readonly seconds: number
  /** What is wrong; empty if nothing is. */
  readonly findings: readonly string[]
}

const readerCount = 3
const producerCount = 4

/**
 * Has streams written, half of them by the hub's own process and half over HTTP, and read by others, while hub,
 * producers and readers are killed with SIGKILL at random. Then compares what was acknowledged, what is
 * kept, and what each reader has.
 */
export async function runKills({ seed, kills, streams }: KillOptions): Promise<KillReport> {
  const startedAt = performance.now()
  const random = seeded(seed)
  const directory = mkdtempSync(join(tmpdir(), 'headwater-streams-'))
  const port = await freePort()
  const base = `http://127.0.0.1:${port}/.well-known/mercure/headwater/v1/streams`
  const script: Script = { seed, tokens: 30 + 5 * kills, maxPauseMs: 400 }
  const names = Array.from({ length: streams }, (_, index) => `${index % 2 === 0 ? 'embedded' : 'remote'}/${index}`)
  const embedded = names.filter((_, index) => index % 2 === 0)
  const remote = names.filter((_, index) => index % 2 === 1)
  const acknowledged = new Map<string, number>()
  const over = new Map<string, string>()
  const onLine = (line: string) => {
    const [word, name, what] = line.split(' ')
    if (word === 'ack') acknowledged.set(name!, Math.max(acknowledged.get(name!) ?? 0, Number(what)))
    if (line === 'ready') died.push({ what: 'hub', names, at: Date.now() })
    if (word === 'over') over.set(name!, what!)
  }

  const hub = new Killable(
    new URL('hub-process.ts', import.meta.url),
    { script, names: embedded, directory: join(directory, 'data'), port },
    onLine,
  )
  const producers = Array.from({ length: producerCount }, (_, index) => {
    const own = remote.filter((_, place) => place % producerCount === index)
    return {
      names: own,
      process: new Killable(new URL('producer-process.ts', import.meta.url), { script, names: own, url: base }, onLine),
    }
  })
  const readers = Array.from({ length: readerCount }, (_, index) => {
    const kept = join(directory, `reader-${index}`)
    mkdirSync(kept)
    return {
      kept,
      process: new Killable(
        new URL('reader-process.ts', import.meta.url),
        { names, url: base, directory: kept },
        () => {},
      ),
    }
  })
  const all = [hub, ...producers.map((each) => each.process), ...readers.map((each) => each.process)]
  const counts = { hub: 0, producer: 0, reader: 0 }
  const findings: string[] = []
  let notOver = ''
  /** When what wrote a stream was killed, and when a hub was ready, which gives each stream its lease again. */
  const died: { readonly what: 'producer' | 'hub'; readonly names: readonly string[]; readonly at: number }[] = []
  try {
    hub.start()
    for (const { process } of producers) process.start()
    await until('every stream is open', async () => {
      for (const name of names) if ((await stateOf(base, name)).state === 'none') return false
      return true
    })
    for (const { process } of readers) process.start()
    for (let kill = 0; kill < kills; kill++) {
      await pause(300 + random() * 1200)
      const die = random()
      if (die < 0.35) {
        counts.hub++
        await hub.kill()
        hub.start()
      } else if (die < 0.7) {
        counts.producer++
        const chosen = producers[Math.floor(random() * producers.length)]!
        if (chosen.process.isRunning) died.push({ what: 'producer', names: chosen.names, at: Date.now() })
        await chosen.process.kill()
        // One that stays away, or comes back after its lease, has its streams ended.
        if (random() < 0.7) chosen.process.start()
      } else {
        counts.reader++
        const chosen = readers[Math.floor(random() * readers.length)]!
        await chosen.process.kill()
        await pause(random() * 500)
        chosen.process.start()
      }
      if (kill === 0) {
        // Somebody presses "stop".
        for (const name of names.filter((_, index) => index % 25 < 2)) await stop(base, name)
      }
    }
    await until('every stream is over', async () => {
      for (const name of names) {
        const state = await stateOf(base, name)
        if (state.state === 'ended') continue
        notOver = `${name}: ${JSON.stringify(state)}, acknowledged ${acknowledged.get(name)}, ${over.get(name)}`
        return false
      }
      return true
    })
    // Those that were away come back: they find that their streams are over.
    for (const { process } of producers) if (!process.isRunning) process.start()
    await until('every reader has every end', async () =>
      readers.every(({ kept }) => names.every((name) => linesOf(kept, name).at(-1) === '["end"]')),
    )
    const ended: Record<string, number> = {}
    let tokens = 0
    for (const name of names) {
      const { how } = await stateOf(base, name)
      ended[how!] = (ended[how!] ?? 0) + 1
      const kept = await readWhole(base, name)
      const own = kept.filter(([, type]) => type === 'message')
      tokens += own.length
      for (const [n, [, , data]] of own.entries()) {
        if (data !== tokenOf(name, n)) findings.push(`${name}: token ${n} is ${JSON.stringify(data)}`)
      }
      if (own.length < (acknowledged.get(name) ?? 0))
        findings.push(`${name}: ${own.length} tokens are kept, and ${acknowledged.get(name)} were acknowledged`)
      if (how === 'closed' && own.length !== script.tokens)
        findings.push(`${name}: closed with ${own.length} of ${script.tokens} tokens`)
      const last = kept.at(-1)
      if (how !== 'closed' && !(last?.[1] === 'headwater-ended' && JSON.parse(last[2]).how === how))
        findings.push(`${name}: ${how}, and the last event is ${JSON.stringify(last)}`)
      for (const [index, reader] of readers.entries()) {
        const got = linesOf(reader.kept, name).slice(0, -1)
        if (got.join('\n') !== kept.map((event) => JSON.stringify(event)).join('\n'))
          findings.push(
            `${name}: reader ${index} has ${got.length} events, and ${kept.length} are kept, or they differ`,
          )
      }
    }
    for (const process of all) await process.kill()
    const ends = endsIn(join(directory, 'data'))
    if (ends.length !== names.length || new Set(ends.map(({ name }) => name)).size !== names.length) {
      findings.push(`${ends.length} ends are kept of ${names.length} streams, or one has two`)
    }
    const lostAfterMs = { producer: 0, hub: 0 }
    for (const { name, how, at } of ends) {
      if (how !== 'lost') continue
      const before = died.filter((each) => each.at <= at && each.names.includes(name))
      const last = before.reduce((one, other) => (other.at > one.at ? other : one))
      lostAfterMs[last.what] = Math.max(lostAfterMs[last.what], at - last.at)
    }
    return {
      kills: counts,
      ended,
      tokens,
      readings: readerCount * names.length,
      lostAfterMs,
      seconds: (performance.now() - startedAt) / 1000,
      findings,
    }
  } catch (error) {
    throw new Error(
      `seed ${seed}: ${error}\nnot over: ${notOver}\n${recordsOf(join(directory, 'data'), notOver.slice(0, notOver.indexOf(':')))}\n${all.map((process) => process.log).join('\n')}`,
      {
        cause: error,
      },
    )
  } finally {
    for (const process of all) await process.kill()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** A process that is killed and started again. */
export class Killable {
  readonly #file: URL
  readonly #arguments: object
  readonly #onLine: (line: string) => void
  #child: ChildProcess | undefined
  #log = ''

  constructor(file: URL, given: object, onLine: (line: string) => void) {
    this.#file = file
    this.#arguments = given
    this.#onLine = onLine
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** What it said on standard error, the last of it. */
  get log(): string {
    return `${this.#file.pathname}: ${this.#log.slice(-2000)}`
  }

  start(): void {
    const command = [...typescript(this.#file), JSON.stringify(this.#arguments)]
    const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'] })
    let rest = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop()!
      for (const line of lines) this.#onLine(line)
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text
    })
    this.#child = child
  }

  async kill(): Promise<void> {
    const child = this.#child
    if (!child || !this.isRunning) return
    const closed = new Promise((resolve) => child.once('close', resolve))
    child.kill('SIGKILL')
    await closed
  }
}

interface State {
  readonly state: string
  readonly how?: string
}

export async function stateOf(base: string, name: string): Promise<State> {
  for (;;) {
    try {
      const response = await fetch(`${base}/${encodeURIComponent(name)}?state`)
      if (response.ok) return (await response.json()) as State
    } catch {
      // The hub was just killed.
    }
    await pause(100)
  }
}

async function stop(base: string, name: string): Promise<void> {
  for (;;) {
    try {
      const { ok } = await fetch(`${base}/${encodeURIComponent(name)}`, { method: 'DELETE' })
      if (ok) return
    } catch {
      // The hub was just killed.
    }
    await pause(100)
  }
}

export type Kept = [id: string, type: string, data: string]

export async function readWhole(base: string, name: string): Promise<Kept[]> {
  const response = await fetch(`${base}/${encodeURIComponent(name)}`)
  const events: Kept[] = []
  for await (const { id = '', type = 'message', data } of readEvents(response.body!)) events.push([id, type, data])
  return events
}

function linesOf(directory: string, name: string): string[] {
  try {
    return readFileSync(join(directory, encodeURIComponent(name)), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
  } catch {
    return []
  }
}

/** The ends in the history itself. */
function endsIn(directory: string): readonly { readonly name: string; readonly how: string; readonly at: number }[] {
  const database = new DatabaseSync(join(directory, 'headwater.db'), { readOnly: true })
  try {
    const rows = database
      .prepare("SELECT id, type, stored_at AS at FROM event WHERE type LIKE 'headwater-stream/%'")
      .all()
    return (rows as { id: string; type: string; at: number }[])
      .map(({ id, type, at }) => ({
        name: decodeURIComponent(id.slice(1, id.lastIndexOf('~'))),
        how: type.split('/')[1]!,
        at,
      }))
      .filter(({ how }) => /^(closed|failed|stopped|lost)$/.test(how))
  } finally {
    database.close()
  }
}

/** The last records of a stream, for whoever wants to know why it is not over. */
function recordsOf(directory: string, name: string): string {
  const database = new DatabaseSync(join(directory, 'headwater.db'), { readOnly: true })
  try {
    const rows = database
      .prepare('SELECT id, type, stored_at AS at FROM event WHERE id LIKE ? ORDER BY position')
      .all(`#${encodeURIComponent(name).replaceAll('%', '_')}~%`)
    const kinds = (rows as { type: string; at: number }[]).map(
      ({ type, at }) => `${at} ${type.split('/').slice(1, 3).join(' ')}`,
    )
    return [
      ...kinds.filter((kind) => !kind.includes(' event ') && !kind.includes(' renewed ')),
      '…',
      ...kinds.slice(-8),
    ].join('\n')
  } finally {
    database.close()
  }
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const endsAt = performance.now() + Number(process.env.HEADWATER_STREAM_WAIT_MS ?? 1_200_000)
  while (!(await holds())) {
    if (performance.now() > endsAt) throw new Error(`not within twenty minutes: ${what}`)
    await pause(200)
  }
}
