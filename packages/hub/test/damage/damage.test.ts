import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { headwater } from '../cli/running.ts'
import { randomOf } from './damage-events.ts'
import { type Written, write } from './damage-template.ts'
import { type Outcome, type TrialResult, tryHistory } from './damage-trial.ts'

/** Of flips, and of truncations. `npm run test:damage` tries more. */
const trials = Number(process.env.HEADWATER_DAMAGE_TRIALS ?? 60)
const seed = Number(process.env.HEADWATER_DAMAGE_SEED ?? Math.floor(Math.random() * 1e9))
const timeout = 120_000 + trials * 5_000

const root = mkdtempSync(join(tmpdir(), 'headwater-damage-'))
afterAll(() => rmSync(root, { recursive: true }))
console.log(`HEADWATER_DAMAGE_SEED=${seed}`)

const outcomes: readonly Outcome[] = [
  'the same history',
  'a gap that is told',
  'a refusal with advice',
  'a wrong event',
  'missing in silence',
  'a crash',
]

interface Template {
  readonly directory: string
  readonly written: Written
}

/** One history that was closed, and one whose process was killed: with a write-ahead log. */
const templates = (async () => {
  const made: Template[] = []
  for (const ending of ['close', 'kill'] as const) {
    const directory = join(root, ending)
    made.push({ directory, written: await write(directory, { seed, ending }) })
  }
  return made
})()

interface Harm {
  readonly file: string
  readonly result: TrialResult
  readonly what: string
}

/** Harms a file of a copy. Each trial is a function of the seed and its number alone. */
async function harm(kind: 'flip' | 'truncation', number: number) {
  const random = randomOf(seed + number * 7919 + (kind === 'flip' ? 0 : 104_729))
  const { directory, written } = (await templates)[random() < 0.5 ? 0 : 1]!
  const copy = join(root, `${kind}-${number}`)
  cpSync(directory, copy, { recursive: true })
  const names = readdirSync(copy).filter((name) => statSync(join(copy, name)).size > 0)
  // The database and its log are most of what can be damaged.
  const weighted = names.flatMap((name) => (/db$|wal$/.test(name) ? [name, name, name, name] : [name]))
  const file = weighted[Math.floor(random() * weighted.length)]!
  const path = join(copy, file)
  const bytes = readFileSync(path)
  const offset = Math.floor(random() * bytes.length)
  const bit = Math.floor(random() * 8)
  if (kind === 'truncation') truncateSync(path, offset)
  else {
    bytes[offset]! ^= 1 << bit
    writeFileSync(path, bytes)
  }
  const what = `${kind} ${number} of ${file} at ${offset}${kind === 'flip' ? `, bit ${bit}` : ''}`
  return { copy, file, written, random, what }
}

async function tryHarm(kind: 'flip' | 'truncation', number: number): Promise<Harm> {
  const { copy, file, written, random, what } = await harm(kind, number)
  const result = await tryHistory(copy, written, random)
  rmSync(copy, { recursive: true })
  return { file, result, what }
}

function print(title: string, rows: ReadonlyMap<string, readonly TrialResult[]>): void {
  const lines = [
    `${title}, seed ${seed}`,
    `| file | trials | ${outcomes.join(' | ')} |`,
    `| --- | ---: | ${outcomes.map(() => '---:').join(' | ')} |`,
  ]
  for (const [name, results] of rows) {
    const counts = outcomes.map((outcome) => results.filter((result) => result.outcome === outcome).length)
    lines.push(`| ${name} | ${results.length} | ${counts.join(' | ')} |`)
  }
  console.log(lines.join('\n'))
}

function forbidden(what: string, { outcome, details }: TrialResult): string[] {
  return outcomes.indexOf(outcome) < 3 ? [] : [`${what}: ${outcome} (${details})`]
}

describe('a history whose files are damaged', () => {
  test.each(['flip', 'truncation'] as const)(
    'is served as it was, or told to be incomplete, or refused: at each %s',
    { timeout },
    async (kind) => {
      const rows = new Map<string, TrialResult[]>()
      const wrong: string[] = []
      for (let number = 0; number < trials; number++) {
        const { file, result, what } = await tryHarm(kind, number)
        rows.set(file, [...(rows.get(file) ?? []), result])
        wrong.push(...forbidden(what, result))
      }
      print(`${trials} ${kind === 'flip' ? 'bits flipped' : 'files cut off'}`, rows)
      expect(wrong).toEqual([])
    },
  )

  test('starts a whole hub that serves it, or says why not', { timeout }, async () => {
    const times = Math.ceil(trials / 50)
    const wrong: string[] = []
    for (let number = 0; number < times; number++) {
      const { copy, what } = await harm(number % 2 === 0 ? 'flip' : 'truncation', 1_000_000 + number)
      const hub = headwater('serve', '--dev', '--listen', ':0', '--store', `file:${copy}`)
      const isReady = await hub.said(/^headwater listening on/).then(
        () => true,
        () => false,
      )
      if (isReady) hub.child.kill('SIGTERM')
      const code = await hub.ended()
      const isRefused = !isReady && code === 1 && /damaged|restore/.test(hub.stderr)
      if (!(isReady && code === 0) && !isRefused) wrong.push(`${what}: exit code ${code}: ${hub.stderr.slice(-500)}`)
    }
    expect(wrong).toEqual([])
  })

  test('keeps what it acknowledged when its disk was full at a random write', { timeout }, async () => {
    const times = Math.ceil(trials / 20)
    const random = randomOf(seed)
    const results: TrialResult[] = []
    const wrong: string[] = []
    let refusals = 0
    for (let number = 0; number < times; number++) {
      const directory = join(root, `full-${number}`)
      const mostBlocks = 40 + Math.floor(random() * 1200)
      const ending = random() < 0.5 ? 'kill' : 'close'
      const written = await write(directory, { seed: seed + number, ending, mostBlocks })
      if (written.refused !== undefined) refusals++
      const result = written.events.length > 0 ? await tryHistory(directory, written, random) : nothing
      results.push(result)
      wrong.push(...forbidden(`full at ${mostBlocks} blocks`, result))
      if (result.outcome !== 'the same history')
        wrong.push(`full at ${mostBlocks} blocks: ${result.outcome} ${result.details}`)
    }
    print(`${times} full disks (${refusals} of them refused a publish)`, new Map([['all', results]]))
    expect(wrong).toEqual([])
  })
})

/** Nothing was acknowledged, so nothing can be missing. */
const nothing: TrialResult = { outcome: 'the same history', details: '' }
