import { hostIn } from '../base/origin.ts'
import type { AuthConfig } from './auth-options.ts'
import { detailType } from './authorization-details.ts'

/** The document that tells clients how to get and present a token (RFC 9728). */
export interface ResourceMetadata {
  readonly resource: string
  readonly bearer_methods_supported: readonly string[]
  readonly authorization_servers?: readonly string[]
  readonly authorization_details_types_supported: readonly string[]
  readonly mercure_cookie: string
  readonly mercure_subscriptions?: true
}

/** The path of that document on the hub's host, followed by the hub's path (RFC 9728, 3.1). */
const wellKnownPath = '/.well-known/oauth-protected-resource'

/**
 * The metadata of a hub for one of its URLs. `hasSubscriptions` says whether the subscriptions API
 * is available. Only a hub that checks tokens serves it. Clients take its absence as the sign of a
 * Mercure 0.x hub.
 */
export function resourceMetadata(
  { authorizationServers, cookieName }: AuthConfig,
  resource: string,
  { hasSubscriptions = false }: { readonly hasSubscriptions?: boolean } = {},
): ResourceMetadata {
  return {
    resource,
    // One of the values that the RFC defines. Never "query".
    bearer_methods_supported: ['header'],
    ...(authorizationServers.length > 0 && { authorization_servers: authorizationServers }),
    authorization_details_types_supported: [detailType],
    mercure_cookie: cookieName,
    // Left out if false. Matcher types are left out as well, because there are none beyond exact
    // and urlpattern.
    ...(hasSubscriptions && { mercure_subscriptions: true as const }),
  }
}

/** The URL of the metadata for one of the hub's URLs: `resource_metadata` in a challenge. */
export function metadataUrl(resource: string): string {
  const { origin, pathname, search } = new URL(resource)
  return `${origin}${wellKnownPath}${pathname === '/' ? '' : pathname}${search}`
}

/**
 * The hub's URL that a request was sent to, by its `Host`; the first URL if none matches.
 * `undefined` if the hub has no URLs.
 */
export function resourceFor({ resources }: AuthConfig, host: string | undefined): string | undefined {
  const isMeant = (resource: string) => {
    const { protocol, host: own } = new URL(resource)
    return host !== undefined && hostIn(protocol, host) === hostIn(protocol, own)
  }
  return resources.find(isMeant) ?? resources[0]
}
