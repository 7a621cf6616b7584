import { expect, it } from 'vitest'
import { createChatStreams } from '../../../src/adapters/ai-sdk/index.ts'
import { createHub } from '../../../src/create-hub.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { startEdge, startOrigin } from '../../store/upstream/edge-hubs.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'

it('knows the newest stream of each chat, and stops it', async () => {
  const hub = await createHub({ store: createMemoryStore() })
  const chats = createChatStreams(hub)
  expect(await chats.newest('a/1')).toBeUndefined()
  expect(await chats.stop('a/1')).toBe(false)
  const first = await chats.begin('a/1')
  const other = await chats.begin('a')
  const second = await chats.begin('a/1')
  expect((await chats.newest('a/1'))?.name).toBe(second.name)
  expect((await chats.newest('a'))?.name).toBe(other.name)
  expect(await chats.stop('a/1', 'enough')).toBe(true)
  expect(await second.state()).toMatchObject({ name: 'ended', how: 'stopped', reason: 'enough' })
  expect(await first.state()).toMatchObject({ name: 'open', isPrivate: true })
  expect(await chats.stop('a/1')).toBe(false)
  await hub.close()
})

it('resumes the stream of the last event ID, even if the chat has a newer one', async () => {
  const hub = await createHub({ store: createMemoryStore() })
  const chats = createChatStreams(hub)
  const first = await chats.begin('a')
  const id = await first.write({ type: 'start' })
  await first.write({ type: 'finish' })
  await first.close()
  await chats.begin('a')
  const request = new Request('http://localhost/', { headers: { 'last-event-id': id } })
  expect(await (await chats.resume(request, 'a')).text()).toMatch(/finish.*\[DONE\]/s)
  // Of another chat.
  await chats.begin('b')
  expect((await chats.resume(request, 'b')).status).toBe(400)
  await hub.close()
})

it('knows at the edge what this process began, though its copy may not have it yet', async () => {
  const origin = await startOrigin(temporaryDirectory(), 0)
  const { hub } = await startEdge(origin.url)
  const chats = createChatStreams(hub)
  for (let round = 0; round < 20; round++) {
    const { name } = await chats.begin('a')
    expect((await chats.newest('a'))?.name).toBe(name)
  }
})

it('refuses a chat without an ID, a hub that is none, and options that do not exist', async () => {
  const hub = await createHub({ store: createMemoryStore() })
  await expect(createChatStreams(hub).begin('')).rejects.toThrow(/ID of the chat is ""/)
  // @ts-expect-error no hub
  expect(() => createChatStreams(undefined)).toThrow(/createChatStreams\(hub\)/)
  // @ts-expect-error a name that does not exist
  expect(() => createChatStreams(hub, { prefx: 'a' })).toThrow(/prefix/)
  await hub.close()
})
