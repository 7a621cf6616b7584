import type { Telemetry } from './telemetry.ts'

/**
 * Settings of the fan-out. The defaults suit everything but tests and benchmarks. Times in
 * milliseconds.
 */
export interface FanOutOptions {
  /** Makes a span for each event of a sampled trace, and for each replay. Default: none. */
  readonly telemetry?: Telemetry | undefined
  /** How long it may write before other work of the process has its turn. Default 1. */
  readonly turnMs?: number | undefined
  /**
   * How many bytes of encoded frames all feeds keep together for subscribers that are behind. Older
   * ones are read from the store. Default 33,554,432 (32 MiB).
   */
  readonly feedBytes?: number | undefined
  /**
   * How many bytes all subscribers that do not read may hold. Beyond it, the fan-out cuts off the
   * slowest ones, which can resume. Called each time. Default 268,435,456 (256 MiB).
   */
  readonly maxUnsentBytes?: (() => number) | undefined
  /**
   * How often subscribers of quiet feeds are sent the position, so that it never ages out of the
   * history. Default 60,000.
   */
  readonly positionMs?: number | undefined
  /** Called with errors that no promise can report; the hub continues. */
  readonly onError: (error: unknown) => void
}
