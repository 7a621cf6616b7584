export interface StreamLifetimeInit {
  /** When the token expires, in milliseconds since 1970; `undefined` for never. */
  readonly expiresAt: number | undefined
  /** The time, in milliseconds since 1970. */
  readonly now: number
  /** The longest duration of any stream. Default `Infinity`. */
  readonly maxMs?: number | undefined
  /** How long it takes at most to end a stream, with what was sent before. Default 5,000. */
  readonly endMs?: number
  /** Default `Math.random`. */
  readonly random?: () => number
}

/** The longest time that Node's timers support. They treat a longer one as no time at all. */
const maxTimerMs = 2 ** 31 - 1

/**
 * How long a stream may last from now on, in milliseconds: not beyond its token, nor beyond the
 * maximum. Each limit is cut to a random 80 to 100 %, so that streams that began together do not
 * end together, and their clients do not all reconnect at once. The end begins early enough to be
 * over in time.
 */
export function streamLifetimeMs(init: StreamLifetimeInit): number {
  const { expiresAt = Number.POSITIVE_INFINITY, now, maxMs = Number.POSITIVE_INFINITY } = init
  const { endMs = 5000, random = Math.random } = init
  const part = () => 0.8 + 0.2 * random()
  const longest = Math.min(Math.max(0, expiresAt - now) * part(), maxMs * part())
  if (longest === Number.POSITIVE_INFINITY) return longest
  // Ends at most a tenth earlier if the life is short. A session does not accept 0.
  return Math.max(1, Math.min(longest - Math.min(endMs, longest / 10), maxTimerMs))
}
