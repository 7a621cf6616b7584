import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { EventLog } from './event-log.ts'
import { openBody, scriptedFetch } from './scripted-fetch.ts'

const sources = new URL('../../src/', import.meta.url).href

/** Runs a module in a process without these globals; returns what it logs. */
async function without(globals: string[], code: string): Promise<string> {
  const script = `
    const fetch = async (url, init) => new Response('id: 1\\ndata: ' + init.headers['last-event-id'] + '\\n\\n', {
      headers: { 'content-type': 'text/event-stream' }
    })
    new Response() // Node loads it now, and needs Event for that.
    for (const name of ${JSON.stringify(globals)}) delete globalThis[name]
    const protocol = await import('${sources}protocol/index.ts')
    const client = await import('${sources}client/index.ts')
    ${code}`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
  return stdout.trim()
}

describe('without globals', () => {
  it('of events, requests and streams, events() works through the fetch it is given', async () => {
    const logged = await without(
      ['TransformStream', 'Event', 'EventTarget', 'MessageEvent', 'Request', 'fetch'],
      `for await (const { data } of client.events('http://a.test/', { fetch, lastEventId: '7', retry: false }))
         console.log(data)`,
    )
    expect(logged).toBe('7')
  })

  it('of a signal that throws, as in React Native, events() ends with an AbortError', async () => {
    const logged = await without(
      [],
      `const controller = new AbortController()
       const { signal } = controller
       signal.throwIfAborted = undefined
       Object.defineProperty(signal, 'reason', { value: undefined })
       const hang = async (_, { signal }) => {
         signal.throwIfAborted()
         await new Promise((_, reject) => signal.addEventListener('abort', reject))
       }
       const stream = client.events('http://a.test/', { fetch: hang, signal })
       const next = stream.next()
       controller.abort()
       await next.catch((error) => console.log(error.name))`,
    )
    expect(logged).toBe('AbortError')
  })

  it('of requests, EventSource works through the fetch it is given', async () => {
    const logged = await without(
      ['Request', 'fetch'],
      `const source = new client.EventSource('http://a.test/', { fetch, lastEventId: '7' })
       source.onmessage = ({ data }) => {
         console.log(data)
         source.close()
       }`,
    )
    expect(logged).toBe('7')
  })

  it('of streams, the parser works, and the TransformStream says what to use instead', async () => {
    const logged = await without(
      ['TransformStream'],
      `protocol.createParser({ onEvent: ({ data }) => console.log(data) }).feed('data: a\\n\\n')
       try {
         new protocol.EventStreamParser()
       } catch (error) {
         console.log(error.message)
       }`,
    )
    expect(logged).toBe('a\nThere is no TransformStream here. Use readEvents() or createParser().')
  })

  it('of fetch, and none given, the connection fails at once', async () => {
    const logged = await without(
      ['fetch', 'Request'],
      `await client.events('http://a.test/').next().catch(({ code }) => console.log(code))`,
    )
    expect(logged).toBe('INVALID_REQUEST')
  })
})

describe('fake timers', () => {
  afterEach(() => {
    vi.useRealTimers()
  })

  it('with their defaults hold back no event', async () => {
    vi.useFakeTimers()
    const body = openBody()
    body.write('data: a\n\n')
    const log = await new EventLog('http://a.test/', scriptedFetch(body.response)).count(2)
    expect(log.lines).toEqual(['open @1', 'message a # @1'])
  })
})
