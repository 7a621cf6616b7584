import { parseEventId } from '@headwater/sse/internal'
import { type Acknowledgement, type BatchOutcome, backOff, publishBatch, type Refusal } from './hub-client.ts'
import { notUtf8, readLines } from './lines.ts'

/** How far a stream of lines is published, in numbers of lines. */
export interface LineCounts {
  readonly published: number
  /** Those that the hub had from an earlier run with the same key. */
  readonly already: number
  readonly refused: number
}

/** The result of publishing a stream of lines. */
export interface LinesOutcome extends LineCounts {
  /** Why publishing stopped before the end; `undefined` if it did not. */
  readonly stop: Exclude<BatchOutcome['end'], undefined> | undefined
}

export interface PublishLinesOptions {
  readonly hub: URL
  readonly token: string | undefined
  /**
   * Makes it safe to publish the same lines again: the idempotency key of each line is this and its
   * number. `undefined`: a new one for each run.
   */
  readonly key: string | undefined
  /** Converts a line to an event: a JSON object in the hub's format. */
  readonly toEvent: (line: string) => Record<string, unknown>
  /** How long to keep trying while the hub is away, in milliseconds. */
  readonly waitMs: number
  /** Called once each time the hub goes away. */
  readonly onAway: (reason: string) => void
  /**
   * Called for a line that the hub refuses while it accepts the others, or that is not text. Lines
   * count from 1.
   */
  readonly onRefused: (line: number, reason: string) => void
  /** Which refusals concern one line only. Default: it is too large, or its ID is taken. */
  readonly concernsOne?: (refusal: Pick<Refusal, 'status' | 'code'>) => boolean
  /** Called with what the hub decided on each line, in order. */
  readonly onAcknowledged?: (acknowledgement: Acknowledgement) => void
  /** Called when the hub has decided on some more lines. */
  readonly onProgress?: ((counts: LineCounts) => void) | undefined
}

/** The most that one request carries. A larger line is sent alone. */
const batchBytes = 256 * 1024
const batchLines = 1000

/**
 * Publishes the lines of a stream, in order. One request is in progress at a time, and carries the
 * lines read during the previous one: lines of a slow source are published at once, those of a fast
 * one many together. A failed request is repeated from the first line that was not acknowledged.
 * Each line has an idempotency key, so none is published twice.
 */
export async function publishLines(
  source: AsyncIterable<Uint8Array>,
  options: PublishLinesOptions,
): Promise<LinesOutcome> {
  const { hub, token, key, toEvent, waitMs, onAway, onRefused, onProgress, onAcknowledged } = options
  const run = key ?? crypto.randomUUID()
  const queue = new LineQueue(readLines(source))
  let [published, already, refused] = [0, 0, 0]
  let newest = 0
  const decided = () => published + already + refused

  /** `isResent`: an answer was lost before, so this run may have stored it itself. */
  function count(acknowledgement: Acknowledgement, isResent: boolean): void {
    onAcknowledged?.(acknowledgement)
    if (acknowledgement.name === 'refused') {
      refused++
      onRefused(decided(), acknowledgement.reason)
      return
    }
    const { position = 0 } = parseEventId(acknowledgement.id) ?? {}
    const isOlder = acknowledgement.already && !(isResent && newest > 0 && position > newest)
    if (key !== undefined && isOlder) already++
    else {
      published++
      newest = position
    }
  }

  for (let first = 1; ; ) {
    const lines = await queue.take()
    if (lines === notUtf8) {
      first++
      refused++
      onRefused(decided(), 'it is not valid UTF-8. Convert it, for example with iconv.')
      continue
    }
    if (lines.length === 0) return { published, already, refused, stop: undefined }
    const bodies = lines.map((line, index) =>
      JSON.stringify({ ...toEvent(line), idempotency_key: `${run} ${first + index}` }),
    )
    first += lines.length

    let until: number | undefined
    for (let attempt = 0, isResent = false; bodies.length > 0; attempt++, isResent = true) {
      const before = decided()
      const outcome = await publishBatch(hub, bodies, token, options.concernsOne)
      for (const acknowledgement of outcome.acknowledged) count(acknowledgement, isResent)
      bodies.splice(0, outcome.acknowledged.length)
      onProgress?.({ published, already, refused })
      const { end } = outcome
      if (end === undefined) continue
      if (end.name === 'refused') return { published, already, refused, stop: end }
      // The hub answered for some lines, so it was there.
      if (decided() > before) [until, attempt] = [undefined, 0]
      // Nobody has to wait for a server that is none, unless it was one before.
      if (!end.mayPass && decided() === 0) return { published, already, refused, stop: end }
      if (until === undefined) onAway(end.reason)
      until ??= performance.now() + waitMs
      if (performance.now() >= until) return { published, already, refused, stop: end }
      await backOff(attempt, end.retryAfterMs, until)
    }
  }
}

/** Reads ahead a little, so that the lines of the next request gather while one is in progress. */
class LineQueue {
  readonly #lines: (string | typeof notUtf8)[] = []
  #length = 0
  #isOver = false
  #failure: { error: unknown } | undefined
  #wake = () => {}

  constructor(source: AsyncIterable<string | typeof notUtf8>) {
    this.#fill(source)
  }

  /** Returns the next lines: at least one, or none at the end. A line that is not UTF-8 comes alone. */
  async take(): Promise<string[] | typeof notUtf8> {
    while (this.#lines.length === 0 && !this.#isOver) await this.#change()
    if (this.#failure && this.#lines.length === 0) throw this.#failure.error
    const taken: string[] = []
    let length = 0
    for (const line of this.#lines) {
      if (taken.length === batchLines || line === notUtf8) break
      if (taken.length > 0 && length + line.length > batchBytes) break
      length += line.length
      taken.push(line)
    }
    const isUnreadable = taken.length === 0 && this.#lines.length > 0
    this.#lines.splice(0, isUnreadable ? 1 : taken.length)
    this.#length -= length
    this.#wake()
    return isUnreadable ? notUtf8 : taken
  }

  async #fill(source: AsyncIterable<string | typeof notUtf8>): Promise<void> {
    try {
      for await (const line of source) {
        this.#lines.push(line)
        if (line !== notUtf8) this.#length += line.length
        this.#wake()
        while (this.#lines.length >= batchLines || this.#length >= batchBytes) await this.#change()
      }
    } catch (error) {
      this.#failure = { error }
    }
    this.#isOver = true
    this.#wake()
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#wake
      this.#wake = () => {
        this.#wake = () => {}
        before()
        resolve()
      }
    })
  }
}
