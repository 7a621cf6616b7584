import { expect, test, vi } from 'vitest'
import { startCollector } from '../../otlp-collector.ts'
import { serveHub } from '../running.ts'

const traceId = '0af7651916cd43dd8448eb211c80319c'

test.each([1, 2])('headwater serve --telemetry sends the spans of %i threads to a collector', async (threads) => {
  const { url, received } = await startCollector()
  vi.stubEnv('TEST_OTLP_URL', url)
  vi.stubEnv('NODE_OPTIONS', `--import ${new URL('register-otlp.mjs', import.meta.url).href}`)
  const hub = await serveHub('--telemetry', '--anonymous', '--dev', '--threads', `${threads}`).finally(() =>
    vi.unstubAllEnvs(),
  )
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` }
  const body = new URLSearchParams({ topic: 'a' })
  expect((await fetch(`${hub.url}/.well-known/mercure`, { method: 'POST', body, headers })).status).toBe(200)
  const fanOuts = Array<string>(threads).fill('headwater fan-out')
  await expect
    .poll(() => received.map(({ name }) => name).sort(), { timeout: 30_000 })
    .toEqual(['POST /.well-known/mercure', ...fanOuts, 'headwater store append'])
  expect(new Set(received.map((span) => span.traceId))).toEqual(new Set([traceId]))
})
