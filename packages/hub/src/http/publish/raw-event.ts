import type { PublishInit } from '../../hub/publish-init.ts'

/**
 * An event as a body has it. Its topics are known, so that the hub can check who may publish to
 * them before it reads the rest. Every format of body creates these, so that all have the same
 * order of checks.
 */
export interface RawEvent {
  /** The value in place of the topic or topics, not validated yet. */
  readonly topic: unknown
  /** Reads the rest. Throws a `HubError` that says what is wrong with it. */
  toInit(): PublishInit
}

/** The events of a body. Each is made on demand: of a million zeros, the first is refused. */
export interface RawEvents {
  readonly count: number
  at(index: number): RawEvent
}
