import { copyFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { events } from '@headwater/sse/client'
import { expect, test } from 'vitest'
import { openUpstreamStore } from '../../../src/store/upstream.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { edgeToken, publish, publisher, receive, startEdge, startOrigin, subscriber, until } from './edge-hubs.ts'

const count = (n: number) => (received: readonly unknown[]) => received.length >= n

test('an edge whose upstream is away starts with its copy, and catches up when that is back', async () => {
  const files = temporaryDirectory()
  const directory = temporaryDirectory()
  const origin = await startOrigin(files)
  const first = await startEdge(origin.url, { directory })
  const ids = [await publish(origin, { topic: 't', data: '1' }), await publish(origin, { topic: 't', data: '2' })]
  await receive(first, 'earliest', count(2))
  await first.stop()
  const newest = await publish(origin, { topic: 't', data: '3' })
  await origin.stop()

  const connections: string[] = []
  const edge = await startEdge(origin.url, {
    directory,
    waitMs: 200,
    onConnection: (connection) => connections.push(connection.name === 'lost' ? connection.reason : connection.name),
  })
  expect(connections).toEqual([
    expect.stringMatching(/does not answer \(ECONNREFUSED\)\. Until it answers, this hub serves its copy\.$/),
  ])
  const ready = () => fetch(`${edge.server.url}/readyz`)
  const answer = await ready()
  expect([answer.status, await answer.text()]).toEqual([
    200,
    expect.stringMatching(/^ready\nupstream lost, not reached since the start \d+\.\d s ago: serving the copy\n$/),
  ])
  expect((await receive(edge, 'earliest', count(2))).map(({ lastEventId }) => lastEventId)).toEqual(ids)
  expect((await receive(edge, ids[0]!, count(1)))[0]!.data).toBe('2')
  const refused = await edge.post({ topic: 't', data: 'x' }, publisher)
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2'])
  // What this hub does not have yet is not a gap.
  const ahead = await fetch(`${edge.url}?match=*`, { headers: { 'last-event-id': newest, ...subscriber } })
  expect(ahead.status).toBe(503)

  const datas: string[] = []
  const live = (async () => {
    for await (const { data } of events(`${edge.url}?match=*`, { headers: subscriber, lastEventId: ids[1]! })) {
      datas.push(data)
      if (data === '4') return
    }
  })()
  const again = await startOrigin(files, origin.port)
  await until(() => connections.at(-1) === 'connected')
  await publish(again, { topic: 't', data: '4' })
  await live
  expect(datas).toEqual(['3', '4'])
  expect(await (await ready()).text()).toMatch(/^ready\nupstream connected, 0 positions behind/)
})

test('an edge without a complete copy of this hub does not start while that is away', async () => {
  const origin = await startOrigin(temporaryDirectory())
  const directory = temporaryDirectory()
  const open = (url: string) => openUpstreamStore({ url, token: edgeToken, directory, waitMs: 200, onError: () => {} })
  const away = { code: 'HUB_UNREACHABLE', message: expect.stringMatching(/there is no complete copy of its history/) }
  const url = new URL(origin.url).origin
  await (await open(url)).close()
  await origin.stop()
  // The copy is of another hub, as far as anybody can know.
  await expect(open(url.replace('127.0.0.1', 'localhost'))).rejects.toMatchObject(away)
  await (await open(url)).close()
  // It was not complete yet.
  rmSync(join(directory, `copy-${origin.store.epoch}`, 'copy-of'))
  await expect(open(url)).rejects.toMatchObject(away)
})

test('a copy that lost its last events is served while the hub upstream is away, without a gap later', async () => {
  const files = temporaryDirectory()
  const directory = temporaryDirectory()
  const origin = await startOrigin(files)
  const first = await startEdge(origin.url, { directory })
  const id = await publish(origin, { topic: 't', data: '1' })
  await receive(first, 'earliest', count(1))
  await first.stop()
  const database = join(directory, `copy-${origin.store.epoch}`, 'headwater.db')
  copyFileSync(database, `${database}.old`)
  const second = await startEdge(origin.url, { directory })
  await publish(origin, { topic: 't', data: '2' })
  await receive(second, id, count(1))
  await second.stop()
  await origin.stop()
  // What a power loss leaves: less than was acknowledged.
  copyFileSync(`${database}.old`, database)

  const edge = await startEdge(origin.url, { directory, waitMs: 200 })
  expect((await receive(edge, 'earliest', count(1)))[0]!.lastEventId).toBe(id)
  const again = await startOrigin(files, origin.port)
  await publish(again, { topic: 't', data: '3' })
  const received = await receive(edge, id, count(2))
  expect(received.map(({ type, data }) => `${type} ${data}`)).toEqual(['message 2', 'message 3'])
})

test('a copy that is damaged stays where it is while the hub upstream is away', async () => {
  const origin = await startOrigin(temporaryDirectory())
  const directory = temporaryDirectory()
  await (await startEdge(origin.url, { directory })).stop()
  await origin.stop()
  const database = join(directory, `copy-${origin.store.epoch}`, 'headwater.db')
  writeFileSync(database, 'not a database, and longer than its header'.repeat(100))
  await expect(startEdge(origin.url, { directory, waitMs: 200 })).rejects.toMatchObject({ code: 'STORE_FAILED' })
  expect(readdirSync(directory)).toEqual([`copy-${origin.store.epoch}`])
})

test('a hub that is there and refuses stays an error at the start, with or without a copy', async () => {
  const files = temporaryDirectory()
  const directory = temporaryDirectory()
  const origin = await startOrigin(files)
  await (await startEdge(origin.url, { directory })).stop()
  await expect(startEdge(origin.url, { directory, token: undefined })).rejects.toMatchObject({
    code: 'HUB_REFUSED',
    message: expect.stringContaining('(401'),
  })
})

test('a hub upstream that comes back with another history: the edge is not ready, and goes on reading', async () => {
  const directory = temporaryDirectory()
  const origin = await startOrigin(temporaryDirectory())
  const first = await startEdge(origin.url, { directory })
  await publish(origin, { topic: 't', data: 'old' })
  await receive(first, 'earliest', count(1))
  await first.stop()
  await origin.stop()
  const edge = await startEdge(origin.url, { directory, waitMs: 200 })
  const other = await startOrigin(temporaryDirectory(), origin.port)
  await until(async () => (await fetch(`${edge.server.url}/readyz`)).status === 503)
  expect((await receive(edge, 'earliest', count(1)))[0]!.data).toBe('old')
  expect((await edge.post({ topic: 't', data: 'x' }, publisher)).status).toBe(503)
  expect(other.hub.stats.headPosition).toBe(0)
})
