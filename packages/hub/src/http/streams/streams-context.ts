import type { CloseReason } from '@headwater/sse/server'
import type { Streams } from '../../streams/streams.ts'
import type { Authorizer } from '../access/authorizer.ts'
import type { ClientAddresses } from '../access/client-address.ts'
import type { ClientQuotas } from '../access/client-quotas.ts'
import type { Cors } from '../access/cors.ts'
import type { Limits } from '../access/limits.ts'

/** What the routes of streams need from the hub. */
export interface StreamsContext {
  readonly streams: Streams
  readonly authorizer: Authorizer
  readonly cors: Cors
  readonly quotas: ClientQuotas
  readonly addresses: ClientAddresses
  readonly limits: Readonly<Limits>
  /** Aborts when the hub must not read more of a body. */
  readonly closing: AbortSignal | undefined
  /** Called when a reader's event stream ends, with the reason and its address. */
  readonly onReaderLeft: ((reason: CloseReason, address: string) => void) | undefined
  readonly onError: (error: unknown) => void
}

/** The fields of a request's query; the first of each counts. */
export type Fields = ReadonlyMap<string, string>
