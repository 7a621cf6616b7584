import uPlot from 'uplot'

/** One reading of `headwater vitals`, as sent in an event's data. */
export interface Vitals {
  /** The time of the reading, in milliseconds since 1970. */
  at: number
  host: string
  cpuCount: number
  /** Share of all processors in use, 0 to 1. */
  cpu: number
  load1: number
  memoryUsedBytes: number
  memoryTotalBytes: number
  /** How late the publishing process's timers fire. */
  eventLoopDelayP50Ms: number
  eventLoopDelayP99Ms: number
}

/** Anyone may publish an event of type `vitals`. The charts draw only valid readings. */
export function readVitals(data: string): Vitals | undefined {
  try {
    const vitals = JSON.parse(data) as Partial<Vitals>
    const numbers = [vitals.at, vitals.cpu, vitals.load1, vitals.memoryUsedBytes, vitals.memoryTotalBytes]
    const isReading = [...numbers, vitals.eventLoopDelayP50Ms, vitals.eventLoopDelayP99Ms].every(Number.isFinite)
    return isReading ? (vitals as Vitals) : undefined
  } catch {
    return undefined
  }
}

interface Chart {
  label: string
  /** The value that the line shows. */
  reading(vitals: Vitals): number
  value(vitals: Vitals): string
  note(vitals: Vitals): string
  /** The least maximum of the axis, which grows beyond it if necessary. */
  top(vitals: Vitals): number
}

const CHARTS: readonly Chart[] = [
  {
    label: 'Processors',
    reading: ({ cpu }) => cpu * 100,
    value: ({ cpu }) => `${Math.round(cpu * 100)} %`,
    note: ({ cpuCount, host }) => `${cpuCount} cores, ${host}`,
    top: () => 100,
  },
  {
    label: 'Load, 1 minute',
    reading: ({ load1 }) => load1,
    value: ({ load1 }) => load1.toFixed(2),
    note: ({ load1, cpuCount }) => `${(load1 / cpuCount).toFixed(2)} per core`,
    top: ({ cpuCount }) => cpuCount,
  },
  {
    label: 'Memory in use',
    reading: ({ memoryUsedBytes }) => memoryUsedBytes,
    value: ({ memoryUsedBytes }) => gibibytes(memoryUsedBytes),
    note: ({ memoryTotalBytes }) => `of ${gibibytes(memoryTotalBytes)}`,
    top: ({ memoryTotalBytes }) => memoryTotalBytes,
  },
  {
    label: 'Event-loop delay',
    reading: ({ eventLoopDelayP99Ms }) => eventLoopDelayP99Ms,
    value: ({ eventLoopDelayP99Ms }) => `${eventLoopDelayP99Ms.toFixed(1)} ms`,
    note: ({ eventLoopDelayP50Ms }) => `p99; median ${eventLoopDelayP50Ms.toFixed(1)} ms`,
    top: () => 5,
  },
]

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`

/** How far back the charts go. */
const SECONDS = 120

/**
 * Draws the vital signs as they arrive. A missing reading leaves a gap in the line, not an invented
 * slope.
 */
export class VitalsCharts {
  readonly #readings: Vitals[] = []
  readonly #cards: { chart: Chart; plot: uPlot; value: HTMLElement; note: HTMLElement }[] = []
  #frameRequested = false

  constructor(container: HTMLElement) {
    for (const chart of CHARTS) this.#cards.push(createCard(chart, container))
    new ResizeObserver(() => {
      for (const { plot } of this.#cards) plot.setSize(sizeOf(plot.root.parentElement))
    }).observe(container)
  }

  add(vitals: Vitals): void {
    this.#readings.push(vitals)
    while ((this.#readings[0]?.at ?? vitals.at) < vitals.at - SECONDS * 1000) this.#readings.shift()
    if (this.#frameRequested) return
    this.#frameRequested = true
    requestAnimationFrame(() => this.#draw())
  }

  #draw(): void {
    this.#frameRequested = false
    const latest = this.#readings.at(-1)
    if (!latest) return
    const now = latest.at / 1000
    const line = withGaps(this.#readings)
    const times = line.map(({ at }) => at / 1000)
    for (const { chart, plot, value, note } of this.#cards) {
      const values = line.map(({ vitals }) => (vitals ? chart.reading(vitals) : null))
      const top = Math.max(chart.top(latest), ...values.map((reading) => (reading ?? 0) * 1.05))
      plot.setData([times, values], false)
      plot.setScale('x', { min: now - SECONDS, max: now })
      plot.setScale('y', { min: 0, max: top })
      value.textContent = chart.value(latest)
      note.textContent = chart.note(latest)
    }
  }
}

/** Readings come a second apart. If one is missing, the line is interrupted. */
function withGaps(readings: readonly Vitals[]): { at: number; vitals: Vitals | null }[] {
  return readings.flatMap((vitals, index) => {
    const before = readings[index - 1]?.at ?? vitals.at
    const reading = { at: vitals.at, vitals }
    return vitals.at - before > 2500 ? [{ at: before + 1000, vitals: null }, reading] : [reading]
  })
}

function createCard(chart: Chart, container: HTMLElement) {
  const card = div('vital')
  const [label, value, note, holder] = [div('label'), div('value'), div('note'), div('plot')]
  label.textContent = chart.label
  value.textContent = '–'
  card.append(label, value, note, holder)
  container.append(card)
  const water = getComputedStyle(document.documentElement).getPropertyValue('--water').trim()
  const plot = new uPlot(
    {
      ...sizeOf(holder),
      padding: [2, 2, 2, 2],
      cursor: { show: false },
      legend: { show: false },
      scales: { x: { time: true } },
      axes: [{ show: false }, { show: false }],
      series: [{}, { stroke: water, width: 1.5, fill: `${water}22`, points: { show: false } }],
    },
    [[], []],
    holder,
  )
  return { chart, plot, value, note }
}

function sizeOf(holder: HTMLElement | null): { width: number; height: number } {
  return { width: Math.max(60, holder?.clientWidth ?? 0), height: Math.max(40, holder?.clientHeight ?? 0) }
}

function div(className: string): HTMLElement {
  const node = document.createElement('div')
  node.className = className
  return node
}
