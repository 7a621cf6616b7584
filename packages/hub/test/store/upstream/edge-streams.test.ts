import { expect, test, vi } from 'vitest'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { startEdge, startOrigin } from './edge-hubs.ts'

test('a stream is written at an edge, read at the hub upstream, and ended there when the edge is gone', async () => {
  const origin = await startOrigin(temporaryDirectory(), 0, { streams: { leaseMs: 300 } })
  const edge = await startEdge(origin.url, {}, { streams: { leaseMs: 300 } })
  const stream = edge.hub.stream('edge/1')
  const id = await stream.write('a')
  await expect(origin.hub.stream('edge/1').write('x')).rejects.toMatchObject({ code: 'STREAM_HAS_WRITER' })
  const reader = origin.hub.stream('edge/1').read()
  expect((await reader.next()).value).toEqual({ id, type: 'message', data: 'a' })
  const second = edge.hub.stream('edge/2')
  await second.write('b')
  expect(await origin.hub.stream('edge/2').stop()).toBe('stopped')
  await vi.waitFor(() => expect(second.signal.aborted).toBe(true), 10_000)
  await edge.stop()
  expect((await reader.next()).value).toMatchObject({
    type: 'headwater-ended',
    data: expect.stringContaining('"lost"'),
  })
})
