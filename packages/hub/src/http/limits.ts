/** What the hub takes from its clients. Each is read anew for each request, so that it can be changed while the hub runs. */
export interface Limits {
  /** Event streams open at once. Beyond it a subscriber is answered 503. Default 100000. */
  maxSubscribers: number
  /**
   * Event streams open at once from one address. Beyond it a subscriber is answered 429. Not for loopback addresses, where a proxy on
   * this machine is, nor for `trustedProxies`. Default 1000.
   */
  maxSubscribersPerAddress: number
  /**
   * Events published from one address, per second; a second's worth may come at once. Beyond it a publisher is answered 429, and a stream
   * of lines is read no faster. Default 10000.
   */
  maxPublishRate: number
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
  maxPublishRate: 10_000,
  maxBodyBytes: 1024 * 1024,
  maxMatchers: 100,
  maxTopics: 1000,
}
