export interface StreamLifetimeInit {
  /** When the token expires, in milliseconds since 1970; `undefined` for never. */
  readonly expiresAt: number | undefined
  /** The time, in milliseconds since 1970. */
  readonly now: number
  /** The longest any stream lasts. Default `Infinity`. */
  readonly maxMs?: number | undefined
  /** How long it takes, at most, to end a stream with what it was given before. Default 5000. */
  readonly endMs?: number
  /** Default `Math.random`. */
  readonly random?: () => number
}

/** The longest time that Node's timers know; they take more for nothing at all. */
const maxTimerMs = 2 ** 31 - 1

/**
 * How long a stream may last from now on, in milliseconds: not beyond its token, nor the longest time allowed. Each is cut to a
 * random 80 to 100 %, so that streams that began together do not end together, and their clients do not all come back at once; and the
 * end begins early enough that it is over by then.
 */
export function streamLifetimeMs(init: StreamLifetimeInit): number {
  const { expiresAt = Number.POSITIVE_INFINITY, now, maxMs = Number.POSITIVE_INFINITY } = init
  const { endMs = 5000, random = Math.random } = init
  const part = () => 0.8 + 0.2 * random()
  const longest = Math.min(Math.max(0, expiresAt - now) * part(), maxMs * part())
  if (longest === Number.POSITIVE_INFINITY) return longest
  // Of a short life no more than a tenth. A session takes no 0 for an answer.
  return Math.max(1, Math.min(longest - Math.min(endMs, longest / 10), maxTimerMs))
}
