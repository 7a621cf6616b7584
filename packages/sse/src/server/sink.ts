import type { SetAlarm } from './alarm.ts'

/** The destination of a session's bytes: a Node response, or the stream of a Fetch response. */
export interface Sink {
  /** How to wake its sessions. */
  readonly setAlarm: SetAlarm
  /**
   * Starts to report; the sink reports nothing before. Returns `false` if it accepts no bytes until
   * `onDrain`.
   */
  start(listener: SinkListener): boolean
  /**
   * Accepts the bytes in any case. Returns `false` for no more until `onDrain`: that is
   * back-pressure, not a disconnect.
   */
  write(bytes: Uint8Array): boolean
  /** Ends the response after the accepted bytes. */
  end(ending: Ending): void
  /** Aborts the response and drops its unsent bytes. */
  destroy(): void
}

/** How a response ends. */
export interface Ending {
  /** Breaks the response off, so that no client can take it for complete. */
  readonly isBroken: boolean
  /** Closes the connection too. */
  readonly isLeaving: boolean
}

/** Receives a sink's reports. */
export interface SinkListener {
  /** This many of the accepted bytes are sent. */
  onFlushed(byteLength: number): void
  /** There is room again after `write` returned `false`. */
  onDrain(): void
  /** The response is over: ended, or the client has left. */
  onOver(): void
  /** Code other than the sink ended the response. */
  onEndedByOthers(): void
}
