import type { AuthOptions } from '../../../src/auth/auth-options.ts'
import { TokenAuthorizer } from '../../../src/http/access/token-authorizer.ts'
import { claims, detail, oneSecret, sign } from '../../auth/tokens.ts'
import { type ServeOptions, type Serving, serve } from '../serve-hub.ts'

/** Streams end by the real clock, whenever these tests are run. */
const farFuture = 4_102_444_800

/** A hub on a free port that goes by tokens, and lets anybody have what is public. */
export async function serveGuarded(rules: Partial<AuthOptions> = {}, options: ServeOptions = {}): Promise<Serving> {
  const quiet = { onRefused: () => {}, onWarning: () => {} }
  const tokens = await TokenAuthorizer.create({ ...oneSecret, anonymousSubscribers: true, ...rules }, quiet)
  return await serve({ tokens, ...options })
}

/** The header with a token of 1.0 that grants these actions on these topics. */
export function bearer(actions: readonly string[], ...topics: { match: string; match_type?: string }[]) {
  const token = sign(claims({ exp: farFuture, authorization_details: [detail(actions, topics)] }))
  return { authorization: `Bearer ${token}` }
}

/** The header with a token of before 1.0. */
export function oldBearer(mercure: Record<string, unknown>) {
  return { authorization: `Bearer ${sign({ mercure }, { typ: 'JWT' })}` }
}

/** Whoever has it may do everything. */
export const everything = bearer(['publish', 'subscribe'], { match: '*' })
