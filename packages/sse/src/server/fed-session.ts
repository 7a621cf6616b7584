import type { CloseReason } from './close-reason.ts'
import type { Session } from './session.ts'

/**
 * A session as a source sees it that feeds many of them at their own pace: a channel, or the hub's
 * fan-out. Every {@link Session} that this package creates is one.
 */
export interface FedSession extends Session {
  /**
   * Accepts bytes made by `frameBytes`, which may be shared, and returns no promise. Returns `false`
   * if the session is not open.
   */
  offer(bytes: Uint8Array): boolean
  /**
   * Whether a source that can wait should continue: the session is open, and few bytes are waiting.
   */
  readonly hasRoom: boolean
  /**
   * Ends the session at once, as `too-slow`, and drops the bytes that wait: for a source that
   * cannot keep them for a client that does not read. The client comes back with its last event
   * ID. Returns `closed`.
   */
  cutOff(): Promise<CloseReason>
  /** Calls back once, when there is room or the session is no longer open. */
  whenRoom(callback: () => void): void
}
