import type { HubCore } from '../../hub/hub-core.ts'
import type { Authorizer } from '../access/authorizer.ts'
import type { ClientAddresses } from '../access/client-address.ts'
import type { ClientQuotas } from '../access/client-quotas.ts'
import type { Cors } from '../access/cors.ts'
import type { Limits } from '../access/limits.ts'

/** What publishing needs of the hub around it, the same for all requests. */
export interface PublishContext {
  readonly hub: HubCore
  readonly authorizer: Authorizer
  readonly cors: Cors
  readonly quotas: ClientQuotas
  readonly addresses: ClientAddresses
  readonly limits: Readonly<Limits>
  /** Aborts when no more events of a stream are to be read. */
  readonly closing: AbortSignal | undefined
  /** Is called with failures that were not the client's fault. */
  readonly onError: (error: unknown) => void
}
