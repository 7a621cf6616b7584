import { SseError } from '../protocol/index.ts'
import { ServerSession } from './server-session.ts'
import type { Session } from './session.ts'

/**
 * Ties a session to one sequence of event IDs for good: a client has one last event ID, so it can
 * resume one sequence.
 *
 * @throws SseError `ALREADY_SUBSCRIBED` if it is tied to another; `INVALID_OPTION` if it is not a
 * session.
 */
export function claimSession(session: Session, sequence: object): ServerSession {
  if (!(session instanceof ServerSession)) {
    throw new SseError('INVALID_OPTION', 'This is not a session made by createSession or createResponse.')
  }
  session.sequence ??= sequence
  if (session.sequence === sequence) return session
  throw new SseError(
    'ALREADY_SUBSCRIBED',
    'This session is subscribed to something else, and its client has one last event ID: it could not resume both. Give each channel a session of its own, or use the hub, where one subscription selects many topics.',
  )
}
