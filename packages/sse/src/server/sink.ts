import type { SetAlarm } from './alarm.ts'

/** Where a session's bytes go: a Node response, or the stream of a Fetch response. */
export interface Sink {
  /** How its sessions are woken. */
  readonly setAlarm: SetAlarm
  /** Begins to report; nothing is reported before. `false` means: no bytes until `onDrain`. */
  start(listener: SinkListener): boolean
  /** Takes the bytes, always. `false` means: no more until `onDrain`. That is pressure, not a disconnect. */
  write(bytes: Uint8Array): boolean
  /** Ends the response after the bytes taken. With `leaving`, the connection below is given up as well. */
  end(leaving: boolean): void
  /** Gives up the response and whatever it still holds. */
  destroy(): void
}

/** What a sink reports. */
export interface SinkListener {
  /** So many of the bytes taken have left. */
  onFlushed(byteLength: number): void
  /** There is room again after `write` returned `false`. */
  onDrain(): void
  /** The response is over: ended, or the client has left. */
  onOver(): void
}
