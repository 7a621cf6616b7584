import { SseError } from '../protocol/index.ts'
import type { FedSession } from './fed-session.ts'
import type { Session } from './session.ts'

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
export function claimSession(session: Session, sequence: object): asserts session is FedSession {
  const claimed = session as Claimed
  claimed.sequence ??= sequence
  if (claimed.sequence === sequence) return
  throw new SseError(
    'ALREADY_SUBSCRIBED',
    'This session is subscribed to something else, and its client has one last event ID: it could not resume both. Give each channel a session of its own, or use the hub, where one subscription selects many topics.',
  )
}
