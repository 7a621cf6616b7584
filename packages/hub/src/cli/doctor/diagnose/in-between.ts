import type { EndpointFacts } from '../endpoint-facts.ts'
import { headerOf } from '../exchange.ts'
import { type InBetween, type ProxyName, proxyNames } from '../proxies.ts'

/** Finds out from headers what a response came through. HAProxy and mitmproxy leave no trace. */
export function findInBetween({
  target,
  watched,
  resume,
  probe,
}: Pick<EndpointFacts, 'target' | 'watched' | 'resume' | 'probe'>): InBetween {
  const exchanges = [watched, resume?.exchange, ...(probe?.deliveries ?? []).map(({ exchange }) => exchange)]
  const described = new Set<string>()
  const proxies = new Set<ProxyName>(target.proxy === undefined ? [] : [target.proxy])
  for (const exchange of exchanges.filter((each) => each !== undefined)) {
    for (const [name, words] of traces) {
      const value = headerOf(exchange, name)
      if (value !== undefined) described.add(words ?? value)
    }
    const named = `${headerOf(exchange, 'server') ?? ''} ${headerOf(exchange, 'via') ?? ''} ${headerOf(exchange, 'x-cache') ?? ''}`
    for (const name of proxyNames) if (named.toLowerCase().includes(name)) proxies.add(name)
    if (headerOf(exchange, 'x-varnish') !== undefined) proxies.add('varnish')
  }
  return { proxies: [...proxies], described: [...described] }
}

const traces: readonly (readonly [header: string, words?: string])[] = [
  ['server'],
  ['via'],
  ['x-varnish', 'Varnish'],
  ['cf-ray', 'Cloudflare'],
  ['x-amz-cf-id', 'CloudFront'],
  ['x-amzn-trace-id', 'an AWS load balancer'],
  ['x-served-by'],
  ['x-vercel-id', 'Vercel'],
  ['fly-request-id', 'Fly.io'],
  ['x-render-origin-server', 'Render'],
  ['x-envoy-upstream-service-time', 'Envoy'],
]
