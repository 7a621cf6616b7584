import { type Message, rowOf } from './message.ts'

/** What a reader's user got, compared with what was published. */
export interface Outcome {
  readonly published: number
  readonly lost: number
  readonly doubled: number
  readonly reordered: number
  /** Messages whose data is null or empty. */
  readonly withoutData: number
  /** Gaps that the server told of. */
  readonly gaps: number
  /** Whether the reader ended by itself. */
  readonly hasEnded: boolean
}

/** Events are published as the numbers of a range, each as JSON `{"row":N}`. */
export function outcomeOf(
  messages: readonly Message[],
  { first, last }: { first: number; last: number },
  hasEnded: boolean,
): Outcome {
  const rows = messages.map(rowOf).filter((row) => row !== undefined)
  const distinct = [...new Set(rows)]
  return {
    published: last - first + 1,
    lost: last - first + 1 - distinct.filter((row) => row >= first && row <= last).length,
    doubled: rows.length - distinct.length,
    reordered: distinct.filter((row, index) => index > 0 && row < distinct[index - 1]!).length,
    withoutData: messages.filter(({ data }) => data === null || data === undefined || data === '').length,
    gaps: messages.filter(({ type }) => type === 'headwater-gap').length,
    hasEnded,
  }
}

/** Sums the outcomes of several scenarios. */
export function sumOf(outcomes: readonly Outcome[]): Outcome {
  const sum = (numberOf: (outcome: Outcome) => number) => outcomes.map(numberOf).reduce((a, b) => a + b, 0)
  return {
    published: sum(({ published }) => published),
    lost: sum(({ lost }) => lost),
    doubled: sum(({ doubled }) => doubled),
    reordered: sum(({ reordered }) => reordered),
    withoutData: sum(({ withoutData }) => withoutData),
    gaps: sum(({ gaps }) => gaps),
    hasEnded: outcomes.some(({ hasEnded }) => hasEnded),
  }
}
