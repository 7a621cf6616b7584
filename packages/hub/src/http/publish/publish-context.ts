import type { HubCore } from '../../hub/hub-core.ts'
import type { PublishInit } from '../../hub/publish-init.ts'
import type { Limits } from '../access/limits.ts'

/** What publishing a body needs, whatever its form. */
export interface PublishContext {
  readonly hub: HubCore
  /** Throws when an event may not be published, by whoever sent the request or by nobody. Called before the event is stored. */
  readonly admit: (event: PublishInit) => void
  readonly limits: Readonly<Limits>
  /** Counts events that are about to be stored. Throws if they are too many. */
  readonly count: (events: number) => void
  /** Does the same for a stream, and waits instead. */
  readonly countInTime: (events: number) => Promise<void>
  /** Aborts when no more events of a stream are to be taken. */
  readonly closing: AbortSignal | undefined
  /** Gets what failed that was not the client's fault. */
  readonly onError: (error: unknown) => void
}
