import type { PublishLimits } from '../../hub/publish-init.ts'

/** What the hub takes from its clients. Each is read anew for each request, so that it can be changed while the hub runs. */
export interface Limits extends PublishLimits {
  /** Event streams open at once. Beyond it a subscriber is answered 503. Default 100000. */
  maxSubscribers: number
  /**
   * Event streams open at once from one address, or one network (/64) of IPv6. Beyond it a subscriber is answered 429. Not for loopback addresses, where a proxy on
   * this machine is, nor for `trustedProxies`. Default 1000.
   */
  maxSubscribersPerAddress: number
  /**
   * Event streams open at once with the tokens of one holder: of one `iss` and `sub`; or, without a `sub`, one `jti`; or else copies of the
   * very same token. Beyond it a subscriber is answered 429. Default 10000, for many visitors may share a token; where each user has
   * their own, 20 is plenty.
   */
  maxSubscribersPerToken: number
  /**
   * Events published from one address, per second; a second's worth may come at once. Beyond it a publisher is answered 429, and a stream
   * of lines is read no faster. Default 10000.
   */
  maxPublishRate: number
  /**
   * Connections open at once, whatever they are for, those that never send anything included. Beyond it a connection is answered 503, and
   * ended. For a hub that listens by itself. Default 110000.
   */
  maxConnections: number
  /**
   * Connections open at once from one address. Beyond it one is answered 429, and ended. Not for loopback addresses, nor for
   * `trustedProxies`. For a hub that listens by itself. Default 2000.
   */
  maxConnectionsPerAddress: number
  /** The bytes of a body; of a stream of lines, those of a line. Beyond it: 413. Default 1048576 (1 MiB). */
  maxBodyBytes: number
  /** The matchers of one subscription. Beyond it: 400. Default 100. */
  maxMatchers: number
  /** The topics of one event. Beyond it: 413. Default 1000, which is also the most that can be. */
  maxTopics: number
}

export const defaultLimits: Readonly<Limits> = {
  maxSubscribers: 100_000,
  maxSubscribersPerAddress: 1000,
  maxSubscribersPerToken: 10_000,
  maxConnections: 110_000,
  maxConnectionsPerAddress: 2000,
  maxPublishRate: 10_000,
  maxBodyBytes: 1024 * 1024,
  maxMatchers: 100,
  maxTopics: 1000,
}

/** Limits that follow the given ones, whenever those change. */
export function withDefaultLimits(given: Readonly<Partial<Limits>> = {}): Readonly<Limits> {
  return new Proxy(given, {
    get: (target, name) => Reflect.get(target, name) ?? Reflect.get(defaultLimits, name),
  }) as Readonly<Limits>
}
