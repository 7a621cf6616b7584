/** What may stand between a client and a server, and is told apart. */
export const proxyNames = ['nginx', 'apache', 'caddy', 'haproxy', 'lighttpd', 'mitmproxy', 'squid', 'varnish'] as const

export type ProxyName = (typeof proxyNames)[number]

export const proxyTitles: Readonly<Record<ProxyName, string>> = {
  nginx: 'nginx',
  apache: 'Apache',
  caddy: 'Caddy',
  haproxy: 'HAProxy',
  lighttpd: 'lighttpd',
  mitmproxy: 'mitmproxy',
  squid: 'Squid',
  varnish: 'Varnish',
}

export function isProxyName(name: string): name is ProxyName {
  return (proxyNames as readonly string[]).includes(name)
}

/** What is in between. */
export interface InBetween {
  readonly proxies: readonly ProxyName[]
  /** As they call themselves: for people. */
  readonly described: readonly string[]
}
