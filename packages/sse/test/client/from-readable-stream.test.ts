import { describe, expect, it, onTestFinished } from 'vitest'
import { type ConnectionErrorEvent, EventSource, type StreamEventSource } from '../../src/client/index.ts'
import { settle } from './scripted-fetch.ts'

/** A stream of these chunks, each as UTF-8; then it ends. */
function streamOf(...chunks: (string | number[])[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks)
        controller.enqueue(typeof chunk === 'string' ? new TextEncoder().encode(chunk) : Uint8Array.from(chunk))
      controller.close()
    },
  })
}

function from(stream: ReadableStream<Uint8Array>): StreamEventSource {
  const source = EventSource.fromReadableStream(stream)
  onTestFinished(() => source.close())
  return source
}

/** What a source dispatches until it is closed by the end of its stream. */
async function dispatched(stream: ReadableStream<Uint8Array>, types: string[] = []): Promise<string[]> {
  const source = from(stream)
  const lines: string[] = []
  for (const type of ['open', 'message', ...types])
    source.addEventListener(type, (event) => {
      const data = event instanceof MessageEvent ? ` ${event.data} #${event.lastEventId}` : ''
      lines.push(`${type}${data} @${source.readyState}`)
    })
  await new Promise((resolve) => source.addEventListener('error', resolve))
  lines.push(`error @${source.readyState}`)
  await settle()
  return lines
}

describe('EventSource.fromReadableStream()', () => {
  it('returns an EventSource that is connecting, with the URL about:event-stream and without credentials', () => {
    const source = from(streamOf())
    expect(source).toBeInstanceOf(EventSource)
    expect(source).toMatchObject({
      readyState: EventSource.CONNECTING,
      url: 'about:event-stream',
      withCredentials: false,
      lastEventId: '',
      reconnectionTime: 3000,
    })
  })

  it('throws a TypeError at once for what is not a stream, or locked', () => {
    const locked = streamOf()
    locked.getReader()
    for (const stream of [locked, null, undefined, 'data: a\n\n', {}])
      expect(() => EventSource.fromReadableStream(stream as never)).toThrow(TypeError)
  })

  it('opens, dispatches the events, and ends in error and CLOSED, once', async () => {
    expect(await dispatched(streamOf('data: a\ndata: b\n\n: c\nevent: tick\ndata: d\n\n'), ['tick'])).toEqual([
      'open @1',
      'message a\nb # @1',
      'tick d # @1',
      'error @2',
    ])
  })

  it('reads across chunks, every line end, and drops a byte order mark', async () => {
    expect(
      await dispatched(streamOf([0xef, 0xbb, 0xbf], 'da', 'ta: hel', 'lo\r\r', 'data: lf\n\ndata: crlf\r\n\r\n')),
    ).toEqual(['open @1', 'message hello # @1', 'message lf # @1', 'message crlf # @1', 'error @2'])
  })

  it('ends in error and CLOSED when the stream is empty, or fails', async () => {
    expect(await dispatched(streamOf())).toEqual(['open @1', 'error @2'])
    const failure = new Error('cut')
    const source = from(new ReadableStream({ start: (controller) => controller.error(failure) }))
    const error = await new Promise<ConnectionErrorEvent>((resolve) => {
      source.onerror = resolve
    })
    expect([source.readyState, error.cause, error.willRetry]).toEqual([2, failure, false])
  })

  it('gives events an opaque origin', async () => {
    const source = from(streamOf('data: a\n\n'))
    const event = await new Promise<MessageEvent>((resolve) => {
      source.onmessage = resolve
    })
    expect(event.origin).toBe('null')
  })

  it('shows the last event ID and the reconnection time, as told so far, over several streams piped into one', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const source = from(readable)
    const data: string[] = []
    source.onmessage = (event) => data.push(`${event.data} #${event.lastEventId}`)
    await streamOf('retry: bogus\nid: 42\nretry: 5000\ndata: first\n\n').pipeTo(writable, { preventClose: true })
    expect([source.lastEventId, source.reconnectionTime]).toEqual(['42', 5000])
    await streamOf('data: second\n\n').pipeTo(writable, { preventClose: true })
    await settle()
    expect([data, source.lastEventId, source.reconnectionTime]).toEqual([['first #42', 'second #42'], '42', 5000])
  })

  it('cancels the stream at close(), and dispatches nothing more', async () => {
    let cancelled = false
    const source = from(
      new ReadableStream({
        cancel() {
          cancelled = true
        },
      }),
    )
    await new Promise((resolve) => source.addEventListener('open', resolve))
    source.close()
    await settle()
    expect([cancelled, source.readyState]).toEqual([true, EventSource.CLOSED])
  })
})
