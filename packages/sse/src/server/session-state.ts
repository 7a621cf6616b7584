import type { Frame } from '../protocol/index.ts'
import type { CloseReason } from './close-reason.ts'
import type { Ending } from './sink.ts'

/** How a session ends: a frame that is sent last, and what an {@link Ending} says, both `false` by default. */
export type SessionEnd = Partial<Ending> & { readonly lastFrame?: Frame | undefined }

/** Where a session is on its way to the end. */
export type SessionState =
  | { name: 'open' }
  /** The session accepts nothing more; what it accepted is still sent. */
  | { name: 'ending'; reason: CloseReason; ending: Ending }
  /** The sink has everything and is ending. */
  | { name: 'ended'; reason: CloseReason }
  | { name: 'over'; reason: CloseReason }
