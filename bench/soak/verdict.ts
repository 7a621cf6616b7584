import { defaultIdempotencyMs } from '../../packages/hub/src/store/store.ts'
import { type Flatness, judgeFlatness, type Point } from './flatness.ts'
import type { Sample } from './sampler.ts'
import type { SoakResult } from './soak.ts'

/** A measure that must not grow. */
interface Measure {
  readonly title: string
  readonly unit: 'MB' | ''
  /** The growth per hour that cannot be told apart from none. */
  readonly allowance: number
  readonly of: (sample: Sample) => number
  /** Only the samples right after a collection, which contain no garbage. */
  readonly isOfCollected?: boolean
  /** It grows by design until then, in seconds, and is not judged before. */
  readonly settlesAfter?: number
}

/**
 * The allowances are what a soak of half an hour can tell apart. The memory in use after a
 * collection varies by a MB or two, as feeds hold sometimes more large events and sometimes more
 * small ones. The number of pages that the allocators hold varies by some MB more.
 */
export const measures: readonly Measure[] = [
  {
    title: 'heap in use, after collection',
    unit: 'MB',
    allowance: 8,
    of: (sample) => sample.heapUsed,
    isOfCollected: true,
  },
  {
    title: 'external memory, after collection',
    unit: 'MB',
    allowance: 8,
    of: (sample) => sample.external,
    isOfCollected: true,
  },
  { title: 'resident memory (RSS)', unit: 'MB', allowance: 20, of: (sample) => sample.rss },
  {
    title: 'store on disk',
    unit: 'MB',
    allowance: 5,
    of: (sample) => sample.storeBytes,
    // Idempotency keys are remembered for this long. Each subscription event has one.
    settlesAfter: defaultIdempotencyMs / 1000,
  },
  { title: 'open files', unit: '', allowance: 10, of: (sample) => sample.openFiles },
  { title: 'feeds', unit: '', allowance: 10, of: (sample) => sample.feeds },
]

export interface Judgement extends Flatness {
  readonly title: string
  readonly unit: 'MB' | ''
  readonly allowance: number
}

/** Growth is in MB for measures of memory. */
export function judge({ samples, options }: Pick<SoakResult, 'samples' | 'options'>): Judgement[] {
  return measures.map(({ title, unit, allowance, of, isOfCollected, settlesAfter = 0 }) => {
    const scale = unit === 'MB' ? 1e6 : 1
    const points: Point[] = samples
      .filter((sample) => !isOfCollected || sample.isCollected)
      .map((sample) => ({ at: sample.at, value: of(sample) / scale }))
    const isSettled = (points.at(-1)?.at ?? 0) > settlesAfter
    const from = isSettled ? Math.max(options.warmUpSeconds, settlesAfter) : options.warmUpSeconds
    const flatness = judgeFlatness(points, { perHour: allowance, from })
    return { title, unit, allowance, ...flatness, verdict: isSettled ? flatness.verdict : 'too short to tell' }
  })
}

/** Why a soak failed; empty if it did not. */
export function failuresOf(result: SoakResult): string[] {
  const grown = judge(result)
    .filter(({ verdict }) => verdict === 'grows')
    .map(({ title, perHour, unit, allowance }) => {
      return `${title} grows by ${perHour.toFixed(1)}${unit && ` ${unit}`} an hour, ${allowance} are allowed`
    })
  const faults = Object.entries(result.faults)
    .filter(([, count]) => count !== 0)
    .map(([name, count]) => `${count} ${name}`)
  return [...grown, ...faults]
}

export function tableOf(result: SoakResult): string {
  const rows = judge(result).map(({ title, unit, firstThird, lastThird, perHour, allowance, verdict }) => {
    const [first, last, growth] = [firstThird, lastThird, perHour].map((value) =>
      Number.isNaN(value) ? '' : value.toFixed(1),
    )
    return `| ${title}${unit && `, ${unit}`} | ${first} | ${last} | ${growth} | ${allowance} | ${verdict} |`
  })
  return [
    '| | first third | last third | growth an hour | allowed | |',
    '| --- | ---: | ---: | ---: | ---: | --- |',
    ...rows,
    '',
  ].join('\n')
}

export function summaryOf(result: SoakResult): string {
  const { options, published, delivered, topics, returned, gone, strays, faults } = result
  const count = (value: number) => value.toLocaleString('en')
  const wrong = Object.entries(faults).filter(([, number]) => number !== 0)
  return [
    `${count(published)} events published in ${(options.seconds / 60).toFixed(1)} minutes on ${count(topics)} topics, answered for after ${result.publishP50Ms.toFixed(1)} ms (p50), ${result.publishP99Ms.toFixed(1)} ms (p99) from when they were due.`,
    `${count(delivered)} deliveries verified: ${wrong.length === 0 ? 'none lost, duplicated, reordered or altered' : wrong.map(([name, number]) => `${count(number)} ${name}`).join(', ')}.`,
    `${count(options.subscribers)} subscribers stayed; others returned ${count(returned)} times, and ${count(gone)} left for good; ${count(strays)} requests were wrong or broken off.`,
    `CPU: the hub ${percent(result.hubCpuSeconds, options.seconds)} of a core, the client ${percent(result.clientCpuSeconds, options.seconds)}.`,
    '',
  ].join('\n')
}

function percent(seconds: number, of: number): string {
  return `${((100 * seconds) / of).toFixed(0)} %`
}
