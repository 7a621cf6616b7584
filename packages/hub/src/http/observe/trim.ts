import { HubError } from '../../base/errors.ts'
import type { HubCore } from '../../hub/hub-core.ts'
import type { Authorizer } from '../access/authorizer.ts'
import type { HubRequest, HubResponse } from '../message/http-message.ts'
import type { Part } from '../routes.ts'
import { observeVersion, queryOf, wholeNumberIn } from './observe.ts'

export interface TrimContext {
  readonly hub: HubCore
  readonly authorizer: Authorizer
  /** Whether anyone who reaches the hub may trim its history. */
  readonly isOpen: boolean
  /** Called when somebody has trimmed the history, with the newest event that is gone. */
  readonly onTrimmed: (through: number, request: HubRequest) => void
}

/**
 * `DELETE …/history?through=POSITION&epoch=EPOCH`: drops every event up to a position, for everyone and
 * for good. It needs a right of its own. A page of another origin cannot send it: for that method,
 * browsers ask first, and the hub does not allow it.
 */
export function trimRoute({ hub, authorizer, isOpen, onTrimmed }: TrimContext): Part {
  const path = `${hub.path}/headwater/v${observeVersion}/history`
  return {
    isAt: (each) => each === path,
    async answer(request) {
      if (!isOpen) await authorizer.authorizeTrim(request)
      const query = queryOf(request)
      const through = wholeNumberIn(query, 'through')
      if (through === undefined) {
        throw new HubError('INVALID_REQUEST', 'through is missing: add ?through= and the newest position to drop.')
      }
      const { epoch } = hub.replication
      if (query.get('epoch') !== epoch) {
        throw new HubError(
          'OTHER_HISTORY',
          `epoch is ${JSON.stringify(query.get('epoch') ?? '')}: positions are those of a history, and this hub has ${epoch}.`,
        )
      }
      const { trimmed, count } = await hub.observed.trim(through)
      onTrimmed(trimmed, request)
      return trimmedResponse({ epoch, trimmed, count })
    },
  }
}

function trimmedResponse(value: object): HubResponse {
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: `${JSON.stringify(value)}\n`,
  }
}
