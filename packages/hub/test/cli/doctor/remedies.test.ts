import { expect, test } from 'vitest'
import { isProxyName } from '../../../src/cli/doctor/proxies.ts'
import { ailments, remediesFor } from '../../../src/cli/doctor/remedies.ts'
import {
  apache,
  caddy,
  haproxy,
  lighttpd,
  nginx,
  type Parts,
  type ProxyKind,
  squid,
  varnish,
  whyNot,
} from './proxies/proxies.ts'
import { startProxy } from './proxies/running-proxy.ts'

/** Every line to write that the doctor may name of a proxy. Comments are for people. */
function linesFor({ name }: ProxyKind): string[] {
  if (!isProxyName(name)) throw new Error(`There is no proxy ${name}`)
  const all = ailments.flatMap((ailment) => remediesFor(ailment, { proxies: [name], described: [] }))
  return [...new Set(all.flatMap(({ lines }) => lines).filter((line) => !line.startsWith('#')))]
}

const join = (lines: readonly string[], pattern: RegExp) => lines.filter((line) => pattern.test(line)).join('\n')
const rest = (lines: readonly string[], pattern: RegExp) => lines.filter((line) => !pattern.test(line)).join('\n')

/** Where in its file each line has its place. */
const placed: readonly [ProxyKind, (lines: readonly string[]) => Parts][] = [
  [nginx, (lines) => ({ location: rest(lines, /^worker_/), worker: join(lines, /^worker_/) })],
  [haproxy, (lines) => ({ timeouts: join(lines, /^timeout/), defaults: rest(lines, /^timeout/) })],
  [caddy, (lines) => ({ proxy: `transport http {\n${lines.join('\n')}\n}` })],
  [varnish, (lines) => ({ backend: join(lines, /^\./), fetch: join(lines, /beresp/), recv: join(lines, /^return/) })],
  [
    apache,
    (lines) => ({
      modules: `LoadModule cache_module /usr/lib/apache2/modules/mod_cache.so\n${join(lines, /^MaxRequest/)}`,
      site: rest(lines, /^MaxRequest/),
    }),
  ],
  // Its peer has that line already, with the port of the test.
  [squid, (lines) => ({ rules: rest(lines, /^cache_peer/) })],
  [lighttpd, (lines) => ({ server: lines.join('\n') })],
]

for (const [proxy, place] of placed) {
  test.skipIf(whyNot(proxy))(`${proxy.title} starts with every line that the doctor names of it`, async () => {
    const lines = linesFor(proxy)
    expect(lines.length).toBeGreaterThan(1)
    const running = await startProxy(proxy, '127.0.0.1:1', { parts: place(lines) })
    await running.stop()
  })
}
