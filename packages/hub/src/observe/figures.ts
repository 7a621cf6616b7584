/** What happened in one step of time, or how things stood in it. */
export interface Figures {
  /** Events stored for publishers of this hub. */
  readonly published: number
  /** Events written to event streams: one event counts for each. */
  readonly delivered: number
  readonly deliveredBytes: number
  /** Event streams that ended. */
  readonly ended: number
  /** Requests that were refused because of what the client sent or may do, or of a limit. */
  readonly refused: number
  /** Requests that the hub or its store failed to answer. */
  readonly failed: number
  /** Gaps reported to subscribers. */
  readonly gaps: number
  /** Event streams open at the end of the step. In longer steps, the most. */
  readonly subscribers: number
  /** Event streams that were behind. In longer steps, the most. */
  readonly behind: number
  /** How many positions the slowest was behind. In longer steps, the most. */
  readonly lag: number
}

export type FigureName = keyof Figures

export const figureNames: readonly FigureName[] = [
  'published',
  'delivered',
  'deliveredBytes',
  'ended',
  'refused',
  'failed',
  'gaps',
  'subscribers',
  'behind',
  'lag',
]

const levels: ReadonlySet<FigureName> = new Set(['subscribers', 'behind', 'lag'])

/** Figures over time, step by step. */
export interface Series {
  /** The length of a step in milliseconds. */
  readonly stepMs: number
  /** The beginning of the newest step, in milliseconds since 1970: a multiple of `stepMs`. */
  readonly newestAt: number
  /** By figure, the oldest step first. `null` where nothing is known: the hub did not run, or was stopped. */
  readonly values: Readonly<Record<FigureName, readonly (number | null)[]>>
}

/** A ring of steps: a bounded past, always of the same size. */
export class FigureRing {
  readonly #stepMs: number
  readonly #steps: number
  readonly #values: ReadonlyMap<FigureName, Float64Array>
  /** The number of the newest step, counted from 1970. */
  #newest: number | undefined

  constructor(stepMs: number, steps: number) {
    this.#stepMs = stepMs
    this.#steps = steps
    this.#values = new Map(figureNames.map((name) => [name, new Float64Array(steps).fill(Number.NaN)]))
  }

  /** Adds what was counted until a time, and the levels then. */
  add(at: number, figures: Figures): void {
    this.#moveTo(Math.floor(at / this.#stepMs))
    const index = this.#newest! % this.#steps
    for (const [name, values] of this.#values) {
      const before = values[index]!
      if (Number.isNaN(before)) values[index] = figures[name]
      else values[index] = levels.has(name) ? Math.max(before, figures[name]) : before + figures[name]
    }
  }

  /** The newest steps up to a time, at most as many as the ring has. */
  read(at: number, steps = this.#steps): Series {
    const newest = Math.floor(at / this.#stepMs)
    const count = Math.min(steps, this.#steps)
    const values = {} as Record<FigureName, (number | null)[]>
    for (const [name, ring] of this.#values) {
      values[name] = Array.from({ length: count }, (_, index) => this.#at(ring, newest - count + 1 + index))
    }
    return { stepMs: this.#stepMs, newestAt: newest * this.#stepMs, values }
  }

  #at(ring: Float64Array, step: number): number | null {
    if (this.#newest === undefined || step > this.#newest || step <= this.#newest - this.#steps) return null
    const value = ring[step % this.#steps]!
    return Number.isNaN(value) ? null : value
  }

  /** Steps in between are not known. A clock that went back adds to the newest step. */
  #moveTo(step: number): void {
    if (this.#newest !== undefined && step <= this.#newest) return
    const first = this.#newest === undefined ? step : Math.max(this.#newest + 1, step - this.#steps + 1)
    for (let each = first; each <= step; each++) {
      for (const values of this.#values.values()) values[each % this.#steps] = Number.NaN
    }
    this.#newest = step
  }
}

/** Adds up the same steps of several threads. The lag is that of the slowest. */
export function addSeries(all: readonly Series[]): Series {
  const [first] = all
  const values = {} as Record<FigureName, (number | null)[]>
  for (const name of figureNames) {
    values[name] = first!.values[name].map((_, index) => {
      const known = all.map((each) => each.values[name][index]).filter((value) => typeof value === 'number')
      if (known.length === 0) return null
      return name === 'lag' ? Math.max(...known) : known.reduce((sum, value) => sum + value, 0)
    })
  }
  return { stepMs: first!.stepMs, newestAt: first!.newestAt, values }
}
