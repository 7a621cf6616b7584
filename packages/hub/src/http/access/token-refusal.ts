import type { Failure, FailureName } from '../../auth/refusal.ts'
import { HubError, type HubErrorCode } from '../../base/errors.ts'

/**
 * What the client learns about a request without the token it needs. Depends only on the name of
 * the failure: the reason is for the operator's log.
 */
export class TokenRefusal extends HubError {
  /** The `WWW-Authenticate` header; `undefined` for none. */
  readonly challenge: string | undefined

  constructor({ name, dialect }: Failure, challenge: string | undefined) {
    const [code, message] = answers[name]
    // Clients of Mercure 0.x know only 401.
    super(dialect === '0.x' && name !== 'keys_unavailable' ? 'UNAUTHORIZED' : code, message)
    this.challenge = challenge
  }
}

const answers: Record<FailureName, [code: HubErrorCode, message: string]> = {
  missing_token: [
    'UNAUTHORIZED',
    'This request needs a token. Send one as "Authorization: Bearer …", or in the cookie.',
  ],
  invalid_token: [
    'UNAUTHORIZED',
    "The token is not valid here, or no longer valid. Get a new one. The hub's log says why.",
  ],
  insufficient_scope: ['FORBIDDEN', 'The token does not grant this. Get one that does.'],
  invalid_request: [
    'INVALID_REQUEST',
    "The token was not sent in an accepted way. Send it in one Authorization header with the scheme Bearer, or in the cookie from a page that may publish. The hub's log says what was wrong.",
  ],
  keys_unavailable: ['KEYS_UNAVAILABLE', 'The hub has no keys to verify the token with at the moment. Try again.'],
}
