import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../../../../conformance/runners/free-port.ts'
import { seeded } from '../../store/remote-store.ts'
import { type Kept, Killable, readWhole, stateOf } from '../../streams/kill/kills.ts'
import { type Script, tokenOf } from '../../streams/kill/script.ts'
import { type Kind, kindOf, kinds, type Reading } from './kinds.ts'

export interface AdapterKillOptions {
  readonly seed: number
  readonly kills: number
  readonly streams: number
}

/** What came of a run. */
export interface AdapterKillReport {
  readonly kills: Readonly<Record<'hub' | 'application' | 'reader', number>>
  /** Of each adapter: how its streams ended, how many tokens are kept, and how many readings were compared. */
  readonly of: Readonly<Record<Kind, { readonly ended: Record<string, number>; tokens: number; readings: number }>>
  readonly seconds: number
  /** What is wrong; empty if nothing is. */
  readonly findings: readonly string[]
}

const appCount = 2
const readerCount = 2

/**
 * Has streams written and read through all four adapters at once, each by its library's own client,
 * while the hub, the applications and the readers are killed with SIGKILL, and connections are
 * broken. Then compares what was acknowledged, what is kept, and what each reader has.
 */
export async function runAdapterKills({ seed, kills, streams }: AdapterKillOptions): Promise<AdapterKillReport> {
  const startedAt = performance.now()
  const random = seeded(seed)
  const directory = mkdtempSync(join(tmpdir(), 'headwater-adapters-'))
  const hubPort = await freePort()
  const hubUrl = `http://127.0.0.1:${hubPort}`
  const base = `${hubUrl}/.well-known/mercure/headwater/v1/streams`
  const script: Script = { seed, tokens: 20 + 4 * kills, maxPauseMs: 1500 }
  const names = Array.from({ length: streams }, (_, index) => `${kinds[index % kinds.length]}/${index}`)
  const acknowledged = new Map<string, number>()
  const onLine = (line: string) => {
    const [word, name, count] = line.split(' ')
    if (word === 'ack') acknowledged.set(name!, Math.max(acknowledged.get(name!) ?? 0, Number(count)))
  }

  const hub = new Killable(
    new URL('origin-process.ts', import.meta.url),
    { directory: join(directory, 'hub'), port: hubPort },
    () => {},
  )
  const apps = await Promise.all(
    Array.from({ length: appCount }, async (_, index) => {
      const own = names.filter((_, place) => Math.floor(place / kinds.length) % appCount === index)
      const port = await freePort()
      const copy = join(directory, `app-${index}`)
      const given = { script, names: own, hubUrl, directory: copy, port, cutEveryMs: 3000 }
      const process = new Killable(new URL('app-process.ts', import.meta.url), given, onLine)
      return { names: own, url: `http://127.0.0.1:${port}`, process }
    }),
  )
  const toRead = apps.flatMap(({ names: own, url }) => own.map((name) => ({ name, app: url })))
  const readers = Array.from({ length: readerCount }, (_, index) => {
    const kept = join(directory, `reader-${index}`)
    mkdirSync(kept)
    const given = { streams: toRead, directory: kept }
    return { kept, process: new Killable(new URL('reader-process.ts', import.meta.url), given, () => {}) }
  })
  const all = [hub, ...apps.map((app) => app.process), ...readers.map((reader) => reader.process)]
  const pick = <T>(from: readonly T[]): T | undefined => from[Math.floor(random() * from.length)]
  const returns: Promise<void>[] = []
  const counts = { hub: 0, application: 0, reader: 0 }
  const findings: string[] = []
  try {
    hub.start()
    for (const { process } of apps) process.start()
    const notIn = async (state: string) => {
      const pending: string[] = []
      for (const name of names) if ((await stateOf(base, name)).state !== state) pending.push(name)
      return pending
    }
    await untilNone('streams are not open', async () => await notIn('open'))
    for (const { process } of readers) process.start()
    for (let kill = 0; kill < kills; kill++) {
      await pause(500 + random() * 1500)
      const die = random()
      if (die < 0.3) {
        counts.hub++
        await hub.kill()
        hub.start()
      } else if (die < 0.65) {
        const app = pick(apps.filter(({ process }) => process.isRunning))
        if (!app) continue
        counts.application++
        await app.process.kill()
        // One that comes back after the lease finds that its streams were ended. About one in a run.
        const start = () => app.process.start()
        if (random() < Math.min(0.3, 3 / kills)) returns.push(pause(11_000).then(start))
        else start()
      } else {
        counts.reader++
        const { process } = pick(readers)!
        await process.kill()
        process.start()
      }
    }
    await Promise.all(returns)
    await untilNone('streams are not over', async () => await notIn('ended'))
    await untilNone('ends are not read', async () =>
      readers.flatMap(({ kept }, index) =>
        names.filter((name) => !existsSync(join(kept, encodeURIComponent(name)))).map((name) => `${name} by ${index}`),
      ),
    )
    const of = Object.fromEntries(kinds.map((kind) => [kind, { ended: {}, tokens: 0, readings: 0 }])) as unknown as {
      [kind in Kind]: { ended: Record<string, number>; tokens: number; readings: number }
    }
    for (const name of names) {
      const report = of[kindOf(name)]
      const how = (await stateOf(base, name)).how!
      report.ended[how] = (report.ended[how] ?? 0) + 1
      const kept = tokensOf(kindOf(name), await readWhole(base, name))
      report.tokens += kept.length
      const wrong = kept.findIndex((token, n) => token !== tokenOf(name, n))
      if (wrong >= 0) findings.push(`${name}: token ${wrong} is ${JSON.stringify(kept[wrong])}`)
      if (kept.length < (acknowledged.get(name) ?? 0))
        findings.push(`${name}: ${kept.length} tokens are kept, and ${acknowledged.get(name)} were acknowledged`)
      if (how === 'closed' && kept.length !== script.tokens)
        findings.push(`${name}: closed with ${kept.length} of ${script.tokens} tokens`)
      for (const [index, reader] of readers.entries()) {
        const reading = JSON.parse(readFileSync(join(reader.kept, encodeURIComponent(name)), 'utf8')) as Reading
        report.readings++
        if (reading.tokens.join('\0') !== kept.join('\0'))
          findings.push(
            `${name}: reader ${index} has ${reading.tokens.length} tokens of ${kept.length}, or they differ`,
          )
        if (reading.isComplete !== (how === 'closed'))
          findings.push(
            `${name}: ${how}, and reader ${index} takes it for ${reading.isComplete ? 'complete' : 'incomplete'}`,
          )
      }
    }
    return { kills: counts, of, seconds: (performance.now() - startedAt) / 1000, findings }
  } catch (error) {
    throw new Error(`seed ${seed}: ${error}\n${all.map((process) => process.log).join('\n')}`, { cause: error })
  } finally {
    for (const process of all) await process.kill()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Waits until nothing is pending any more, and says what is if that takes ten minutes. */
async function untilNone(what: string, pending: () => Promise<readonly string[]>): Promise<void> {
  const endsAt = performance.now() + 600_000
  for (;;) {
    const names = await pending()
    if (names.length === 0) return
    if (performance.now() > endsAt) throw new Error(`${names.length} ${what}: ${names.slice(0, 10).join(', ')}`)
    await pause(500)
  }
}

/** The tokens in what a library's adapter wrote. */
function tokensOf(kind: Kind, events: readonly Kept[]): readonly string[] {
  const data = events.filter(([, type]) => type === 'message').map(([, , text]) => text)
  if (kind === 'trpc' || kind === 'mcp') return data
  return data
    .map((text) => JSON.parse(text) as { type: string; delta?: string })
    .flatMap(({ type, delta }) => (type === 'text-delta' || type === 'TEXT_MESSAGE_CONTENT' ? [delta!] : []))
}
