/** What a client wanted and did not have. */
export const wants = [
  'publish over HTTP',
  'publish in SQL',
  'publish at an edge',
  'connect',
  'receive',
  'receive at an edge',
] as const
export type Want = (typeof wants)[number]

interface FaultRecord {
  readonly kind: string
  readonly worstMs: Record<Want, number>
  readonly elapsedMs: number
}

/** How long clients waited, fault by fault: of each fault, the client that waited longest. */
export class Outages {
  readonly records: FaultRecord[] = []
  /** The faults under way began at this time. */
  #since: number | undefined
  #worstMs = emptyWaits()

  /** Begins to wait for something; what it returns is called when it is there. */
  begin(want: Want): () => void {
    const begunAt = performance.now()
    return () => this.waited(want, begunAt)
  }

  /** A client had to wait until now. What it waited before the fault does not count. */
  waited(want: Want, begunAt: number): void {
    if (this.#since === undefined) return
    this.#worstMs[want] = Math.max(this.#worstMs[want], performance.now() - Math.max(begunAt, this.#since))
  }

  onFault(): void {
    this.#since = performance.now()
    this.#worstMs = emptyWaits()
  }

  onRecovery(kind: string): void {
    this.records.push({ kind, worstMs: this.#worstMs, elapsedMs: performance.now() - this.#since! })
    this.#since = undefined
  }

  /** A table for the documentation: for each kind of fault the median and the worst, in seconds. */
  table(): string {
    const byKind = Map.groupBy(this.records, ({ kind }) => kind)
    const cell = (numbers: readonly number[]) => {
      const sorted = numbers.toSorted((one, other) => one - other)
      return `${seconds(sorted[Math.floor((sorted.length - 1) / 2)]!)} / ${seconds(sorted.at(-1)!)}`
    }
    const rows = [...byKind].sort().map(([kind, records]) => {
      const cells = wants.map((want) => cell(records.map(({ worstMs }) => worstMs[want])))
      return [kind, records.length, ...cells]
    })
    const columns = ['fault', 'times', ...wants]
    return [columns, ['---', ...columns.slice(1).map(() => '---:')], ...rows].map(line).join('\n')
  }
}

function line(cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`
}

function emptyWaits(): Record<Want, number> {
  return Object.fromEntries(wants.map((want) => [want, 0])) as Record<Want, number>
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(ms < 9950 ? 1 : 0)
}
