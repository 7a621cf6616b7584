/**
 * Why a session ended.
 * - `closed`: `close()`, or the end of a piped source
 * - `drained`: `drain()` or `drainSignal`
 * - `failed`: a piped source or the producer threw
 * - `client-left`: the client went away, or the connection broke
 * - `response-ended`: other code ended the response, such as Koa without `ctx.respond = false`
 * - `too-slow`: more than `maxUnsentBytes` were waiting
 * - `stalled`: bytes were waiting, and none were sent for `stallTimeoutMs`
 * - `max-duration`: `maxDurationMs` had passed
 * - `unauthorized`: `authorize` refused
 * - `already-closed`: the client reconnected after a final end; it got 204, and the session was
 *   never open
 * - `head-request`: the client requested only the headers, and the session was never open
 */
export type CloseReason =
  | 'closed'
  | 'drained'
  | 'failed'
  | 'client-left'
  | 'response-ended'
  | 'too-slow'
  | 'stalled'
  | 'max-duration'
  | 'unauthorized'
  | 'already-closed'
  | 'head-request'
