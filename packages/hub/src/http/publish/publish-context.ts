import type { HubCore } from '../../hub/hub-core.ts'
import type { Authorizer } from '../access/authorizer.ts'
import type { ClientAddresses } from '../access/client-address.ts'
import type { ClientQuotas } from '../access/client-quotas.ts'
import type { Cors } from '../access/cors.ts'
import type { Limits } from '../access/limits.ts'

/** What publishing needs from the hub, the same for all requests. */
export interface PublishContext {
  readonly hub: HubCore
  readonly authorizer: Authorizer
  readonly cors: Cors
  readonly quotas: ClientQuotas
  readonly addresses: ClientAddresses
  readonly limits: Readonly<Limits>
  /** Aborts when the hub must not read more events of a stream. */
  readonly closing: AbortSignal | undefined
  /** Called with failures that are not the client's fault. */
  readonly onError: (error: unknown) => void
}
