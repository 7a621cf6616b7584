import { SseError } from '../protocol/errors.ts'
import { namesOf, refuseUnknownName } from './names.ts'

export interface DrainOptions {
  /**
   * How many sessions are drained together, this one included: their clients reconnect at moments
   * spread over 2 ms for each, and at most over `drainSpreadMs`. Default: not known, so over all of
   * `drainSpreadMs`.
   */
  readonly among?: number | undefined
}

/**
 * The time for each client that reconnects, in milliseconds. A hub takes 0.15 to 0.3 of a thread to
 * open its stream and replay what it missed; the rest is for TLS and for those that stayed.
 */
const perClientMs = 2

/**
 * Returns the time over which the clients of drained sessions reconnect, in milliseconds.
 *
 * @throws SseError `INVALID_OPTION`
 */
export function drainSpreadOf(options: DrainOptions, mostMs: number): number {
  refuseUnknownName("drain's options", options, optionNames)
  const { among } = options
  if (among === undefined) return mostMs
  if (!Number.isSafeInteger(among) || among < 0) {
    throw new SseError('INVALID_OPTION', `among is ${String(among)}: it must be a whole number, 0 or more.`)
  }
  return Math.min(mostMs, among * perClientMs)
}

const optionNames = namesOf<DrainOptions>({ among: true })
