/**
 * The data of every event of the benchmark: which event it is, and filler that follows from it. A
 * receiver can verify that it is whole by generating it again, which finds more than a checksum
 * would. Letters, digits and dots only: the same bytes in a form, in JSON and in an event stream.
 */
export function eventData({ stream, seq }: EventIdentity, bytes: number): string {
  const head = `${stream}.${seq}.${bytes}.`
  const fill = Math.max(0, bytes - head.length)
  const from = (stream * 31 + seq * 17) % 4096
  return head + filling.slice(from, from + fill)
}

/**
 * One event: the `seq`th of a stream. A stream is what one publisher sends to one topic, one event
 * after another, so that its events have an order that a hub must keep.
 */
export interface EventIdentity {
  readonly stream: number
  readonly seq: number
}

/**
 * The event to which data belongs; `undefined` unless it is exactly what {@link eventData}
 * generated.
 */
export function readEventData(data: string): EventIdentity | undefined {
  const [stream, seq, bytes] = data.split('.', 3).map(Number)
  if (stream === undefined || seq === undefined || bytes === undefined) return undefined
  const identity = { stream, seq }
  return data === eventData(identity, bytes) ? identity : undefined
}

/** The largest event that can be generated. */
export const maxEventBytes = 64 * 1024

const filling = makeFilling(maxEventBytes + 4096)

function makeFilling(length: number): string {
  const letters = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
  let text = ''
  // A linear congruential generator: the same filler in every process.
  for (let state = 1; text.length < length; state = (state * 1103515245 + 12345) % 2 ** 31) {
    text += letters[Math.floor(state / 65536) % letters.length]
  }
  return text
}
