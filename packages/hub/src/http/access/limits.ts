import { maxTopics, type PublishLimits } from '../../hub/publish-init.ts'

/**
 * What the hub accepts from its clients. It reads each limit again for each request, so that limits
 * can change while the hub runs.
 */
export interface Limits extends PublishLimits {
  /** Event streams open at once. The hub answers further subscribers with 503. Default 100,000. */
  maxSubscribers: number
  /**
   * Event streams open at once from one address, or from one IPv6 network (/64). The hub answers
   * further subscribers with 429. Does not apply to loopback addresses, where a proxy on this
   * machine is, nor to `trustedProxies`. Default 1,000.
   */
  maxSubscribersPerAddress: number
  /**
   * Event streams open at once with the tokens of one holder: of one `iss` and `sub`; without a
   * `sub`, of one `jti`; without either, copies of the same token. The hub answers further
   * subscribers with 429. Default 10,000, because many visitors may share a token. If each user has
   * their own, 20 is plenty. Hubs that share a history count together, as of about a second ago.
   */
  maxSubscribersPerToken: number
  /**
   * Events published from one address per second; a second's worth may arrive at once. Beyond it,
   * the hub answers a publisher with 429, and reads a stream of lines no faster. Default 10,000.
   */
  maxPublishRate: number
  /**
   * Matchers of subscriptions that the hub reports by events, per second and address; half a
   * minute's worth may come at once. Each adds two events to the history, or four with Mercure 0.x.
   * The hub answers further subscribers with 429. Not for loopback addresses or `trustedProxies`.
   * Default 200.
   */
  maxPresenceRate: number
  /**
   * Connections open at once for any purpose, including those that never send anything. The hub
   * answers further ones with 503 and closes them. Only for a hub that listens on its own port.
   * Default 110,000.
   */
  maxConnections: number
  /**
   * Connections open at once from one address. The hub answers further ones with 429 and closes
   * them. Does not apply to loopback addresses, nor to `trustedProxies`. Only for a hub that
   * listens on its own port. Default 2,000.
   */
  maxConnectionsPerAddress: number
  /**
   * The bytes in memory for all subscribers that do not read. Beyond it, the hub cuts off the
   * slowest ones, which can resume. Default 268,435,456 (256 MiB).
   */
  maxUnsentBytes: number
  /**
   * The bytes of a body; in a stream of lines, of one line. Beyond it: 413. Default 1,048,576 (1
   * MiB).
   */
  maxBodyBytes: number
  /** The matchers of one subscription. Beyond it: 400. Default 100. */
  maxMatchers: number
  /** The topics of one event. Beyond it: 413. Default 1,000, which is also the maximum. */
  maxTopics: number
}

export const defaultLimits: Readonly<Limits> = {
  maxSubscribers: 100_000,
  maxSubscribersPerAddress: 1000,
  maxSubscribersPerToken: 10_000,
  maxConnections: 110_000,
  maxConnectionsPerAddress: 2000,
  maxPublishRate: 10_000,
  maxPresenceRate: 200,
  maxUnsentBytes: 256 * 1024 ** 2,
  maxBodyBytes: 1024 * 1024,
  maxMatchers: 100,
  maxTopics,
}

/** Returns limits that follow the given ones whenever those change, with defaults for the rest. */
export function withDefaultLimits(given: Readonly<Partial<Limits>> = {}): Readonly<Limits> {
  return new Proxy(given, {
    get: (target, name) => Reflect.get(target, name) ?? Reflect.get(defaultLimits, name),
  }) as Readonly<Limits>
}
