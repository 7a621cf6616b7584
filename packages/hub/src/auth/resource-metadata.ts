import type { AuthConfig } from './auth-options.ts'
import { detailType } from './authorization-details.ts'

/** The document in which a hub says how to get and present a token (RFC 9728). */
export interface ResourceMetadata {
  readonly resource: string
  readonly bearer_methods_supported: readonly string[]
  readonly authorization_servers?: readonly string[]
  readonly authorization_details_types_supported: readonly string[]
  readonly mercure_cookie: string
  readonly mercure_subscriptions?: true
}

/** Where that document is, below the same host as the hub (RFC 9728, 3.1): its path comes after this. */
const wellKnownPath = '/.well-known/oauth-protected-resource'

/**
 * The metadata of a hub with one of its URLs. `hasSubscriptions` tells that the subscriptions API is there. Served only by a hub that looks at
 * tokens; clients take its absence as the sign of a hub of before 1.0.
 */
export function resourceMetadata(
  { authorizationServers, cookieName }: AuthConfig,
  resource: string,
  { hasSubscriptions = false }: { readonly hasSubscriptions?: boolean } = {},
): ResourceMetadata {
  return {
    resource,
    // Of those that the RFC knows. Never "query".
    bearer_methods_supported: ['header'],
    ...(authorizationServers.length > 0 && { authorization_servers: authorizationServers }),
    authorization_details_types_supported: [detailType],
    mercure_cookie: cookieName,
    // Left out when not: matcher types too, because there are none beyond exact and urlpattern.
    ...(hasSubscriptions && { mercure_subscriptions: true as const }),
  }
}

/** The URL of the document for one of the hub's URLs; `resource_metadata` in a challenge. */
export function metadataUrl(resource: string): string {
  const { origin, pathname, search } = new URL(resource)
  return `${origin}${wellKnownPath}${pathname === '/' ? '' : pathname}${search}`
}

/** Which of the hub's URLs a request came to, by its `Host`; the first when that is none of them. `undefined` when it has none. */
export function resourceFor({ resources }: AuthConfig, host: string | undefined): string | undefined {
  return resources.find((resource) => new URL(resource).host === host?.toLowerCase()) ?? resources[0]
}
