import { DefaultChatTransport, readUIMessageStream, type UIMessage, type UIMessageChunk } from 'ai'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { resumeUIMessageStream, sendUIMessageStream } from '../../../src/adapters/ai-sdk/ui-message-stream.ts'
import { ResumableChatTransport } from '../../../src/adapters/ai-sdk-client/resumable-chat-transport.ts'
import { createHub, type Hub } from '../../../src/create-hub.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { type FetchServer, serveFetch } from '../serve-fetch.ts'
import { chatRoutes } from './chat-server.ts'
import { type ScriptedModel, scriptedModel } from './mock-model.ts'

let hub: Hub
let server: FetchServer
let model: ScriptedModel
let stored: UIMessage[]

beforeEach(async () => {
  hub = await createHub({ store: createMemoryStore(), onError: () => {} })
  model = scriptedModel()
  stored = []
  server = await serveFetch(chatRoutes(hub, { model: model.model, onEnd: (message) => stored.push(message) }))
})

afterEach(async () => {
  await server.close()
  await hub.close()
})

const question: UIMessage = { id: 'q', role: 'user', parts: [{ type: 'text', text: 'Why?' }] }

function resumable(url = server.url) {
  return new ResumableChatTransport({ api: `${url}/api/chat`, retryMs: 5 })
}

async function ask(transport = resumable(), chatId = 'chat', abortSignal?: AbortSignal): Promise<Reading> {
  const trigger = 'submit-message' as const
  const options = { trigger, chatId, messageId: undefined, messages: [question], abortSignal }
  return new Reading(await transport.sendMessages(options))
}

/** The message that a client sees, as it grows. */
class Reading {
  text = ''
  readonly chunks: UIMessageChunk[] = []
  readonly done: Promise<string>

  constructor(stream: ReadableStream<UIMessageChunk>) {
    const seen = stream.pipeThrough(
      new TransformStream<UIMessageChunk, UIMessageChunk>({
        transform: (chunk, controller) => {
          this.chunks.push(chunk)
          controller.enqueue(chunk)
        },
      }),
    )
    this.done = this.#read(seen)
    this.done.catch(() => {})
  }

  async #read(stream: ReadableStream<UIMessageChunk>): Promise<string> {
    for await (const { parts } of readUIMessageStream({ stream, terminateOnError: true })) {
      this.text = parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
    }
    return this.text
  }
}

describe('a message of the AI SDK that is stored while it is sent', () => {
  it('arrives whole, with the headers of the AI SDK and an ID for each chunk', async () => {
    const response = fetch(`${server.url}/api/chat`, {
      method: 'POST',
      body: JSON.stringify({ id: 'chat', messages: [question] }),
    })
    await model.write('Because')
    await model.finish()
    const { headers } = await response
    expect(headers.get('content-type')).toBe('text/event-stream')
    expect(headers.get('x-vercel-ai-ui-message-stream')).toBe('v1')
    const body = await (await response).text()
    expect(body).toMatch(/^data: \{"type":"text-delta","id":"1","delta":"Because"\}\nid: #chats%2Fchat%2F[^\n]*$/m)
    expect(body).toMatch(/data: \[DONE\]\n\n$/)
    expect(stored).toMatchObject([{ role: 'assistant', parts: [{ type: 'step-start' }, { text: 'Because' }] }])
  })

  it('is read to its end and handed to onEnd when the client leaves', async () => {
    const left = new AbortController()
    const reading = await ask(resumable(), 'chat', left.signal)
    await model.write('Because ')
    await expect.poll(() => reading.text).toBe('Because ')
    left.abort()
    await expect(reading.done).rejects.toThrow(/abort/)
    await model.write('it is so.')
    await model.finish()
    await expect.poll(() => stored).toMatchObject([{ parts: [{}, { text: 'Because it is so.' }] }])
  })

  it('continues over a broken connection with only what follows', async () => {
    const reading = await ask()
    await model.write('one ')
    await expect.poll(() => reading.text).toBe('one ')
    expect(server.cut()).toBeGreaterThan(0)
    await model.write('two ')
    await expect.poll(() => reading.text).toBe('one two ')
    server.cut()
    await model.write('three')
    await model.finish()
    expect(await reading.done).toBe('one two three')

    const [, second, third] = server.requests
    expect(second).toMatchObject({ method: 'GET', url: '/api/chat/chat/stream' })
    expect(second?.lastEventId).toMatch(/^#chats%2Fchat%2F/)
    expect(third?.lastEventId).not.toBe(second?.lastEventId)
    const deltas = (index: number) => [...server.sent[index]!.matchAll(/"delta":"([^"]*)"/g)].map(([, text]) => text)
    expect([deltas(0), deltas(1), deltas(2)]).toEqual([['one '], ['two '], ['three']])
    expect(reading.chunks.filter(({ type }) => type === 'start')).toHaveLength(1)
  })

  it('continues after the application was restarted, up to where it was lost', async () => {
    const directory = temporaryDirectory()
    const open = async () => {
      const store = await openSqliteStore({ directory })
      const hub = await createHub({ store, streams: { leaseMs: 300 }, onError: () => {} })
      server.handler = chatRoutes(hub, { model: model.model })
      return async () => {
        server.handler = undefined
        server.cut()
        await hub.close()
        await store.close()
      }
    }
    const stop = await open()
    const reading = await ask()
    await model.write('Because ')
    await expect.poll(() => reading.text).toBe('Because ')
    await stop()
    const stopAgain = await open()
    await expect(reading.done).rejects.toThrow(/The message was interrupted, and is not complete/)
    expect(reading.text).toBe('Because ')
    await stopAgain()
  })

  it('is stopped by stopStream(), which aborts the model', async () => {
    const transport = resumable()
    const reading = await ask(transport)
    await model.write('Because ')
    await expect.poll(() => reading.text).toBe('Because ')
    await transport.stopStream({ chatId: 'chat' })
    expect(await model.aborted).toMatchObject({ code: 'STREAM_ENDED' })
    expect(await reading.done).toBe('Because ')
    expect(reading.chunks.at(-1)).toEqual({ type: 'abort', reason: 'by the user' })
    await expect.poll(() => stored).toMatchObject([{ parts: [{}, { text: 'Because ' }] }])
    // There is nothing more to stop.
    await transport.stopStream({ chatId: 'chat' })
  })

  it('shows an error of the model as the AI SDK does', async () => {
    const reading = await ask()
    await model.write('Because ')
    await expect.poll(() => reading.text).toBe('Because ')
    model.fail(new Error('the key is sk-123'))
    await expect(reading.done).rejects.toThrow('An error occurred.')
  })

  it('shows an error of the source by the text that the application chooses', async () => {
    const chunks = new ReadableStream<UIMessageChunk>({
      pull: (controller) => controller.error(new Error('out of quota')),
    })
    const request = new Request('http://localhost/api/chat', { method: 'POST' })
    const response = await sendUIMessageStream(request, hub.stream('failing'), chunks, {
      errorText: (error) => `Sorry: ${(error as Error).message}`,
    })
    expect(await response.text()).toContain('data: {"type":"error","errorText":"Sorry: out of quota"}')
  })

  it('is refused for what is no stream of chunks, and for a stream that was used before', async () => {
    const request = new Request('http://localhost/api/chat', { method: 'POST' })
    // @ts-expect-error not a stream
    await expect(sendUIMessageStream(request, hub.stream('a'), [])).rejects.toThrow(/toUIMessageStream/)
    expect(await hub.stream('a').state()).toEqual({ name: 'none' })
    await hub.stream('used').close()
    let isCancelled = false
    const chunks = new ReadableStream<UIMessageChunk>({
      cancel: () => {
        isCancelled = true
      },
    })
    await expect(sendUIMessageStream(request, hub.stream('used'), chunks)).rejects.toThrow(/has ended: closed/)
    await expect.poll(() => isCancelled).toBe(true)
  })

  it('resumes for the transport of the AI SDK with the whole message', async () => {
    const reading = await ask()
    await model.write('one ')
    await expect.poll(() => reading.text).toBe('one ')
    const plain = new DefaultChatTransport({ api: `${server.url}/api/chat` })
    const second = new Reading((await plain.reconnectToStream({ chatId: 'chat' }))!)
    await model.write('two')
    await model.finish()
    expect(await second.done).toBe('one two')
    expect(await reading.done).toBe('one two')
    // It has ended: the application has stored it.
    expect(await plain.reconnectToStream({ chatId: 'chat' })).toBeNull()
    expect(await plain.reconnectToStream({ chatId: 'another chat' })).toBeNull()
  })

  it('keeps the last event ID where the application prepares the headers', async () => {
    const seen: (string | null)[] = []
    const transport = new ResumableChatTransport({
      api: `${server.url}/api/chat`,
      retryMs: 5,
      prepareReconnectToStreamRequest: ({ id }) => ({
        api: `${server.url}/api/chat/${id}/stream`,
        headers: { authorization: 'Bearer token' },
      }),
      fetch: async (url, init) => {
        const headers = new Headers(init?.headers)
        if (init?.method === 'GET') seen.push(headers.get('authorization'), headers.get('last-event-id'))
        return await fetch(url, init)
      },
    })
    const reading = await ask(transport)
    await model.write('one ')
    await expect.poll(() => reading.text).toBe('one ')
    server.cut()
    await model.finish()
    expect(await reading.done).toBe('one ')
    expect(seen[0]).toBe('Bearer token')
    expect(seen[1]).toMatch(/^#chats/)
  })

  it('gives up after so many attempts, with the error of the network', async () => {
    const transport = new ResumableChatTransport({ api: `${server.url}/api/chat`, retryMs: 1, maxAttempts: 2 })
    const reading = await ask(transport)
    await model.write('one ')
    await expect.poll(() => reading.text).toBe('one ')
    await server.close()
    await expect(reading.done).rejects.toThrow(TypeError)
    server = await serveFetch(() => new Response())
  })
})

describe('a request to resume a message', () => {
  const resume = (stream: string | undefined, lastEventId?: string) =>
    resumeUIMessageStream(
      new Request('http://localhost/', { headers: lastEventId ? { 'last-event-id': lastEventId } : {} }),
      stream === undefined ? undefined : hub.stream(stream),
      { onError: () => {} },
    )

  it('is answered 204 where there is nothing to resume', async () => {
    expect((await resume(undefined)).status).toBe(204)
    expect((await resume('none')).status).toBe(204)
    await hub.stream('ended').close()
    expect((await resume('ended')).status).toBe(204)
  })

  it('gets the rest of a message that has ended, and all of it if the application wants', async () => {
    const stream = hub.stream('ended')
    const first = await stream.write({ type: 'text-delta', id: '1', delta: 'one' })
    await stream.write({ type: 'text-delta', id: '1', delta: 'two' })
    await stream.close()
    const rest = await (await resume('ended', first)).text()
    expect(rest).not.toContain('one')
    expect(rest).toContain('two')
    expect(rest).toMatch(/data: \[DONE\]\n\n$/)
    const all = await resumeUIMessageStream(new Request('http://localhost/'), stream, { replaysEnded: true })
    expect(await all.text()).toMatch(/one.*two/s)
  })

  it('is refused for an ID of another stream, and for a stream that is gone', async () => {
    const foreign = await hub.stream('another').write('a')
    await hub.stream('this').write('a')
    const response = await resume('this', foreign)
    expect(response.status).toBe(400)
    expect(await response.text()).toMatch(/is not of the stream "this"/)

    const short = hub.stream('short', { retentionMs: 0 })
    const id = await short.write('a')
    await short.close()
    await expect.poll(async () => (await resume('short', id)).status).toBe(410)
    expect((await resume('short')).status).toBe(204)
  })

  it('refuses options that do not exist', async () => {
    const request = new Request('http://localhost/')
    // @ts-expect-error a name that does not exist
    await expect(resumeUIMessageStream(request, undefined, { replayEnded: true })).rejects.toThrow(/replaysEnded/)
  })
})
