import type { createResumableStreamContext as createReal } from 'resumable-stream/generic'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest'
import {
  createResumableStreamContext,
  type ResumableStreamContext,
} from '../../../src/adapters/ai-sdk/resumable-stream-context.ts'
import { createHub, type Hub } from '../../../src/create-hub.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'

let hub: Hub
let context: ResumableStreamContext

beforeEach(async () => {
  hub = await createHub({ store: createMemoryStore(), onError: () => {} })
  context = createResumableStreamContext({ hub })
})

afterEach(() => hub.close())

/** A source that is written by hand. */
function source() {
  const { readable, writable } = new TransformStream<string, string>(undefined, { highWaterMark: 100 })
  return { readable, writer: writable.getWriter() }
}

function streamOf<T>(items: readonly T[]): ReadableStream<T> {
  return new ReadableStream({
    start(controller) {
      for (const item of items) controller.enqueue(item)
      controller.close()
    },
  })
}

async function textOf(stream: ReadableStream<string> | null | undefined): Promise<string> {
  if (!stream) throw new Error(`There is no stream, but ${String(stream)}.`)
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

describe('the functions of resumable-stream over a hub', () => {
  it('are those of the real one', () => {
    expectTypeOf(context).toEqualTypeOf<ReturnType<typeof createReal>>()
  })

  it('create a stream once, and resume it from its beginning', async () => {
    const { readable, writer } = source()
    const made: string[] = []
    const make = () => {
      made.push('made')
      return readable
    }
    const first = await context.resumableStream('answer', make)
    await writer.write('Hello, ')
    const second = await context.resumableStream('answer', make)
    await writer.write('world')
    await writer.close()
    expect(await textOf(first)).toBe('Hello, world')
    expect(await textOf(second)).toBe('Hello, world')
    expect(made).toEqual(['made'])
  })

  it('create one stream for calls at the same time', async () => {
    let made = 0
    const streams = await Promise.all(
      Array.from({ length: 8 }, () =>
        context.resumableStream('answer', () => {
          made++
          return streamOf(['a', 'b'])
        }),
      ),
    )
    expect(made).toBe(1)
    for (const stream of streams) if (stream) expect(await textOf(stream)).toBe('ab')
  })

  it('say whether there is a stream, and whether it is done', async () => {
    expect(await context.hasExistingStream('answer')).toBeNull()
    expect(await context.resumeExistingStream('answer')).toBeUndefined()
    const { readable, writer } = source()
    const stream = await context.createNewResumableStream('answer', () => readable)
    expect(await context.hasExistingStream('answer')).toBe(true)
    await writer.close()
    expect(await textOf(stream)).toBe('')
    expect(await context.hasExistingStream('answer')).toBe('DONE')
    expect(await context.resumeExistingStream('answer')).toBeNull()
    expect(
      await context.resumableStream('answer', () => {
        throw new Error('It is made once.')
      }),
    ).toBeNull()
  })

  it('skip characters, even those of a character that is cut in two', async () => {
    const { readable, writer } = source()
    const emoji = '👋'
    const stream = await context.createNewResumableStream('answer', () => readable)
    for (const chunk of ['1\r\n', emoji.slice(0, 1), emoji.slice(1), '2\r3']) await writer.write(chunk)
    const resumed = await context.resumeExistingStream('answer', 4)
    await writer.close()
    expect(await textOf(stream)).toBe(`1\r\n${emoji}2\r3`)
    expect(await textOf(resumed)).toBe(`${emoji.slice(1)}2\r3`)
  })

  it('read the source to its end when the reader leaves, and tell waitUntil', async () => {
    const waits: Promise<unknown>[] = []
    context = createResumableStreamContext({ hub, waitUntil: (promise) => waits.push(promise) })
    const { readable, writer } = source()
    const stream = await context.createNewResumableStream('answer', () => readable)
    await writer.write('a')
    await stream?.cancel()
    await writer.write('b')
    const resumed = textOf(await context.resumeExistingStream('answer'))
    await writer.close()
    expect(await resumed).toBe('ab')
    expect(waits).toHaveLength(1)
    await expect(waits[0]).resolves.toMatchObject({ outcome: 'completed' })
  })

  it('refuse an ID that was used before', async () => {
    await textOf(await context.createNewResumableStream('answer', () => streamOf(['a'])))
    await expect(context.createNewResumableStream('answer', () => streamOf(['b']))).rejects.toThrow(
      /"resumable-stream:answer" has ended: closed/,
    )
  })

  it('show every reader that a source failed, and no reader why', async () => {
    const { readable, writer } = source()
    const first = await context.createNewResumableStream('answer', () => readable)
    const second = await context.resumeExistingStream('answer')
    await writer.write('a')
    writer.abort(new Error('the key is sk-123')).catch(() => {})
    for (const stream of [first, second]) {
      await expect(textOf(stream)).rejects.toThrow(/ended before it was complete: failed \(The source failed\.\)/)
    }
  })

  it('end a stream that is stopped for its readers, and cancel its source', async () => {
    let cancelled: unknown
    const endless = new ReadableStream<string>({
      start: (controller) => controller.enqueue('a'),
      cancel: (reason) => {
        cancelled = reason
      },
    })
    const stream = await context.createNewResumableStream('answer', () => endless)
    const answer = hub.stream('resumable-stream:answer')
    await expect.poll(() => answer.written()).toMatchObject({ bytes: 3 })
    await answer.stop()
    expect(await textOf(stream)).toBe('a')
    await expect.poll(() => cancelled).toMatchObject({ code: 'STREAM_ENDED' })
  })

  it('refuse bytes, and options that do not exist', async () => {
    const bytes = streamOf([new Uint8Array([65])]) as unknown as ReadableStream<string>
    const stream = await context.createNewResumableStream('answer', () => bytes)
    await expect(textOf(stream)).rejects.toThrow(/Pipe bytes through new TextDecoderStream/)
    // @ts-expect-error a name that does not exist
    expect(() => createResumableStreamContext({ hub, keyPrefx: 'a' })).toThrow(/keyPrefix/)
    // @ts-expect-error no hub
    expect(() => createResumableStreamContext({})).toThrow(/hub is undefined/)
    const none = () => undefined as unknown as ReadableStream<string>
    await expect(context.createNewResumableStream('none', none)).rejects.toThrow(/must return a ReadableStream/)
    expect(await context.hasExistingStream('none')).toBe('DONE')
  })

  it('resume after a restart of the program what was written before it', async () => {
    const directory = temporaryDirectory()
    let store = await openSqliteStore({ directory })
    const before = await createHub({ store })
    const { readable, writer } = source()
    await createResumableStreamContext({ hub: before }).createNewResumableStream('answer', () => readable)
    await writer.write('written before')
    await expect.poll(() => before.stream('resumable-stream:answer').written()).toMatchObject({ bytes: 16 })
    await before.close()
    await store.close()

    store = await openSqliteStore({ directory })
    const after = await createHub({ store })
    const resumed = (await createResumableStreamContext({ hub: after }).resumeExistingStream('answer'))?.getReader()
    expect(await resumed?.read()).toEqual({ done: false, value: 'written before' })
    await resumed?.cancel()
    await after.close()
    await store.close()
  })
})
