import { expect, test } from 'vitest'
import { everyTopic } from '../../src/matching/matcher.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { serve } from '../http/serve-hub.ts'
import { headwater } from './running.ts'

const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

test('prints what a hub knows of an event', async () => {
  const store = createMemoryStore({ maxEvents: 2 })
  const { hub, url, open } = await serve({ store, dashboard: true, isOpenToObservers: true })
  const subscriber = await open('match=a')
  const gone = await hub.publish({ topic: 'a', data: '1' })
  const id = await hub.publish({
    topic: ['a', 'b'],
    data: '22',
    type: 't',
    private: true,
    traceparent,
    tracestate: 'x=y',
  })
  const own = await hub.publish({ topic: 'a', data: '3', id: 'own' })
  for (const data of ['1', '3']) expect((await subscriber.next()).data).toBe(data)

  const kept = await trace(url, id)
  expect(kept).toMatchObject({ code: 0 })
  expect(kept.stdout.split('\n').map((line) => line.replace(/ +/, ' '))).toEqual([
    `id ${id}`,
    'state kept',
    'position 2 of 3',
    expect.stringMatching(/^stored 20\d\d-/),
    'topics "a", "b"',
    'type t',
    'private true',
    'data 2 bytes',
    'trace 0af7651916cd43dd8448eb211c80319c',
    `traceparent ${traceparent}`,
    'tracestate x=y',
    'subscribers 0 past it, 0 not yet',
    `history ${store.epoch}`,
    '',
  ])
  const json = JSON.parse((await trace(url, own, '--json')).stdout) as object
  expect(json).toMatchObject({ state: 'kept', position: 3, trace: null, subscribers: { past: 1, behind: 0 } })
  expect(json).toMatchObject({ positionId: expect.stringContaining('.3.'), event: { id: 'own' } })

  for (const [given, words] of [
    [gone, 'trimmed: the oldest kept event is at 2'],
    ['nobody', 'unknown'],
    ['aaaaaaaaaa.1.abc', 'of another history'],
    [`${store.epoch}.2.zzz`, 'gone: another event is at 2'],
    [`${store.epoch}.99.zzz`, 'not here yet, or lost'],
  ]) {
    const { code, stdout } = await trace(url, given!)
    expect([code, stdout], given).toEqual([1, expect.stringContaining(words!)])
  }
})

test('says which right is missing, and where no hub is', async () => {
  const { url, server } = await serve({ dashboard: true, authorize: () => ({ publish: [everyTopic] }) })
  const refused = await trace(url, 'x')
  expect(refused).toMatchObject({ code: 1 })
  expect(refused.stderr).toContain('headwater token --observe')
  await server.close({ deadlineMs: 0 })
  expect((await trace(url, 'x')).stderr).toContain('There is no hub at http://127.0.0.1')
})

async function trace(hub: string, id: string, ...more: string[]) {
  const command = headwater('trace', id, '--hub', hub, ...more)
  return { code: await command.ended(), stdout: command.stdout, stderr: command.stderr }
}
