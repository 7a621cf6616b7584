import { SseError } from '../protocol/index.ts'
import type { FedSession } from './fed-session.ts'
import type { AnySession } from './session.ts'

/** A session with the sequence of event IDs that its client resumes. */
interface Claimed extends FedSession {
  sequence?: object | undefined
}

/**
 * Ties a session to one sequence of event IDs for good: a client has one last event ID, so it can
 * resume one sequence.
 *
 * @throws SseError `ALREADY_SUBSCRIBED` if it is tied to another.
 */
export function claimSession(session: AnySession, sequence: object): asserts session is FedSession {
  const claimed = session as Claimed
  if (claimed.sequence !== sequence) assertUnclaimed(session)
  claimed.sequence = sequence
}

/** Throws `ALREADY_SUBSCRIBED` if a session is tied to any sequence. */
export function assertUnclaimed(session: AnySession): void {
  if ((session as Claimed).sequence === undefined) return
  throw new SseError(
    'ALREADY_SUBSCRIBED',
    'This session is subscribed to something else, and its client has one last event ID: it could not resume both. Give the channels names, createChannel({ name }), or each a session of its own, or use the hub, where one subscription selects many topics.',
  )
}
