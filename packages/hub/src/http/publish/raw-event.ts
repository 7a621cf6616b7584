import type { PublishInit } from '../../hub/publish-init.ts'

/**
 * An event as a body has it: its topics are known, so that it can be found out who may publish on them, and the rest is not looked
 * at yet. Every form of body makes these, and so has the same order of checks.
 */
export interface RawEvent {
  /** What stands where the topic or the topics should be. */
  readonly topic: unknown
  /** Reads the rest. Throws a `HubError` that says what is wrong with it. */
  toInit(): PublishInit
}
