import type { Failure, FailureName } from '../../auth/refusal.ts'
import { HubError, type HubErrorCode } from '../../base/errors.ts'

/**
 * A request without the token it needs, as the client is told. Made from the name of the failure only: why a token is bad is for the
 * operator's log.
 */
export class TokenRefusal extends HubError {
  /** The `WWW-Authenticate` header; `undefined` for none. */
  readonly challenge: string | undefined

  constructor({ name, dialect }: Failure, challenge: string | undefined) {
    const [code, message] = answers[name]
    // Clients of before 1.0 know only 401.
    super(dialect === '0.x' && name !== 'keys_unavailable' ? 'UNAUTHORIZED' : code, message)
    this.challenge = challenge
  }
}

const answers: Record<FailureName, [code: HubErrorCode, message: string]> = {
  missing_token: ['UNAUTHORIZED', 'This needs a token. Send one as "Authorization: Bearer …", or in the cookie.'],
  invalid_token: ['UNAUTHORIZED', "The token is not valid here, or no longer. Get a new one. The hub's log says why."],
  insufficient_scope: ['FORBIDDEN', 'The token does not grant this. Get one that does.'],
  invalid_request: [
    'INVALID_REQUEST',
    "The token did not come in a way that is allowed: in one Authorization header of the scheme Bearer; or in the cookie, from a page that may publish. The hub's log says what was wrong.",
  ],
  keys_unavailable: ['KEYS_UNAVAILABLE', 'The hub has no keys at the moment to check the token with. Try again.'],
}
