import { EventSource } from '@headwater/sse/client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { HubError } from '../../../src/base/errors.ts'
import { positionId } from '../../../src/hub/event-id.ts'
import { decorateStore } from '../../../src/store/decorate-store.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { sendRaw, serve } from '../serve-hub.ts'

/** A hub whose store knows of an ID only what it has itself, while its engine is away. */
async function serveCutOff() {
  const whole = createMemoryStore()
  const state = { isCutOff: true }
  const store = decorateStore(whole, {
    inspect: async (position) => {
      if (state.isCutOff) throw new HubError('STORE_FAILED', 'There was no answer in time.')
      return await whole.inspect(position)
    },
  })
  const errors: unknown[] = []
  const serving = await serve({ store, onError: (error) => errors.push(error) })
  const event = { topics: ['a'], isPrivate: false, id: undefined, type: undefined, retryMs: undefined }
  const first = await whole.append({ ...event, data: 'first' })
  await whole.append({ ...event, data: 'second' })
  const url = `${serving.url}?match=a`
  return { state, errors, url, id: positionId(store.epoch, first) }
}

describe('a hub that cannot tell at the moment where a subscriber resumes', () => {
  test('gives an EventSource a stream that breaks off, so that it comes back with its ID', async () => {
    const { url, id, errors } = await serveCutOff()
    // As bytes: what fetch has not handed on when a response breaks off is gone.
    const request = `GET ${new URL(url).pathname}?match=a HTTP/1.1\r\nHost: ${new URL(url).host}\r\n`
    const answer = await sendRaw(url, `${request}Accept: text/event-stream\r\nLast-Event-ID: ${id}\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toMatch(/^content-type: text\/event-stream\r$/im)
    // A time to come back, no cursor but its own, and no last chunk.
    expect(answer).toMatch(/^retry: \d+$/m)
    expect((answer.match(/^id: .*$/gm) ?? []).filter((line) => line !== `id: ${id}`)).toEqual([])
    expect(answer).not.toMatch(/\r\n0\r\n\r\n$/)
    expect(errors).toMatchObject([{ code: 'STORE_FAILED' }])
  })

  test('answers every other client 503', async () => {
    const { url, id } = await serveCutOff()
    for (const accept of ['*/*', 'text/event-stream, application/json']) {
      const response = await fetch(url, { headers: { accept, 'last-event-id': id } })
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '2'])
    }
  })

  test('serves it all it missed once it can', async () => {
    const { url, id, state } = await serveCutOff()
    const source = new EventSource(url, {
      lastEventId: id,
      retry: { reconnectionTimeMs: 1, maxReconnectionTimeMs: 20 },
    })
    onTestFinished(() => source.close())
    const received: string[] = []
    source.onmessage = ({ data }) => received.push(data as string)
    await new Promise((resolve) => source.addEventListener('error', resolve, { once: true }))
    expect(source.readyState).toBe(EventSource.CONNECTING)
    state.isCutOff = false
    await expect.poll(() => received).toEqual(['second'])
  })
})
