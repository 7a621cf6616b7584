import { expect, test } from 'vitest'
import { HubError } from '../../src/base/errors.ts'
import { createHub, everyTopic } from '../../src/index.ts'
import { decorateStore } from '../../src/store/decorate-store.ts'
import { createMemoryStore } from '../../src/store/memory.ts'

const failed = () => new HubError('STORE_FAILED', 'The store failed: nobody knows whether the event was stored.')

test('a write whose answer is lost is found in the store, and is stored once', async () => {
  const history = createMemoryStore()
  let lost = 0
  const store = decorateStore(history, {
    async appendAll(appends) {
      const marks = await history.appendAll!(appends)
      if (lost-- > 0) throw failed()
      return marks
    },
    async append(event) {
      const mark = await history.append(event)
      if (lost-- > 0) throw failed()
      return mark
    },
  })
  const hub = await createHub({ store, authorize: () => ({}) })
  const stream = hub.stream('lost')
  await stream.open()
  lost = 1
  await stream.write('a')
  lost = 1
  await Promise.all([stream.write('b'), stream.write('c')])
  lost = 1
  await stream.close()
  const data: string[] = []
  for await (const event of hub.stream('lost').read()) data.push(event.data)
  expect(data).toEqual(['a', 'b', 'c'])
  await hub.close()
})

test('a store that fails for a moment delays a write, and one that fails for a lease ends the writer', async () => {
  const history = createMemoryStore()
  let failures = 0
  const store = decorateStore(history, {
    async append(event) {
      if (failures-- > 0) throw failed()
      return await history.append(event)
    },
  })
  const hub = await createHub({ store, authorize: () => ({}), streams: { leaseMs: 600 }, onError: () => {} })
  const stream = hub.stream('failing')
  await stream.open()
  failures = 1
  await stream.write('a')
  failures = Infinity
  await expect(stream.write('b')).rejects.toMatchObject({ code: 'STORE_FAILED' })
  expect(stream.signal.aborted).toBe(true)
  await expect(stream.write('c')).rejects.toMatchObject({ code: 'STORE_FAILED' })
  failures = 0
  const types: string[] = []
  for await (const event of hub.stream('failing').read()) types.push(`${event.type} ${event.data.slice(0, 13)}`)
  expect(types).toEqual(['message a', 'headwater-ended {"how":"lost"'])
  await hub.close()
})

test('what is split between two pieces of a source arrives whole', async () => {
  const hub = await createHub({ store: createMemoryStore(), authorize: () => ({}) })
  const emoji = Buffer.from('👩‍💻')
  expect(await hub.stream('bytes').pipe([emoji.subarray(0, 3), emoji.subarray(3)])).toEqual({ outcome: 'completed' })
  expect(await hub.stream('text').pipe(['a\r', '\nb\ud83d', '\udc69', 'c\r'])).toEqual({ outcome: 'completed' })
  const textOf = async (name: string) => {
    let text = ''
    for await (const { data } of hub.stream(name).read()) text += data
    return text
  }
  expect(await textOf('bytes')).toBe('👩‍💻')
  expect(await textOf('text')).toBe('a\nb👩c\n')
  await hub.close()
})

test('names, values, types and options that are wrong are refused with what is wrong', async () => {
  const hub = await createHub({
    store: createMemoryStore(),
    authorize: () => ({}),
    streams: { maxOpen: 1, maxBytes: 5 },
  })
  for (const [name, why] of [
    ['', 'is empty'],
    ['*', 'means something else'],
    ['a\nb', 'U+000A'],
    ['é'.repeat(200), '400 bytes'],
    [7 as never, 'must be text'],
  ] as const) {
    expect(() => hub.stream(name)).toThrow(why)
  }
  expect(() => hub.stream('a', { leaseMS: 1000 } as never)).toThrow('leaseMs')
  await expect(hub.stream('a', { leaseMs: 1 }).open()).rejects.toThrow('leaseMs is 1')
  await expect(createHub({ store: createMemoryStore(), streams: { maxopen: 1 } as never })).rejects.toThrow('maxOpen')
  const stream = hub.stream('a')
  await stream.write('12345')
  await expect(stream.write('6789')).rejects.toMatchObject({ code: 'TOO_LARGE' })
  await expect(stream.write('')).rejects.toMatchObject({ code: 'TOO_LARGE' })
  await expect(stream.write(undefined)).rejects.toMatchObject({ code: 'INVALID_DATA' })
  await expect(stream.write('\ud83d')).rejects.toMatchObject({ code: 'INVALID_DATA' })
  await expect(stream.write('', { type: 'headwater-gap' })).rejects.toMatchObject({ code: 'INVALID_EVENT_TYPE' })
  await expect(stream.write('', { typ: 'a' } as never)).rejects.toThrow('type')
  await expect(stream.pipe((() => {}) as never)).rejects.toThrow('call it first')
  await expect(hub.stream('b').open()).rejects.toMatchObject({ code: 'TOO_MANY_STREAMS' })
  await expect(hub.stream('none').read().next()).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(hub.stream('none').stop()).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await expect(hub.stream('none').takeOver()).rejects.toMatchObject({ code: 'NOT_FOUND' })
  await stream.close()
  expect(await hub.stream('d').pipe(['123', '456', '7'])).toMatchObject({
    outcome: 'failed',
    error: { code: 'TOO_LARGE' },
  })
  expect(await hub.stream('d').state()).toMatchObject({ how: 'failed', reason: expect.stringContaining('5 bytes') })
  await hub.close()
  await expect(hub.stream('c').open()).rejects.toMatchObject({ code: 'HUB_CLOSED' })
})

test('a source that fails makes the stream fail, and shows readers no more of why than it is told to', async () => {
  const hub = await createHub({ store: createMemoryStore(), authorize: () => ({}) })
  async function* source() {
    yield 'a'
    throw new Error('password in here')
  }
  expect(await hub.stream('plain').pipe(source())).toMatchObject({
    outcome: 'failed',
    error: { message: 'password in here' },
  })
  expect(await hub.stream('plain').state()).toMatchObject({ how: 'failed', reason: 'The source failed.' })
  await hub.stream('told').pipe(source(), { reasonOf: () => 'The model is overloaded.' })
  expect(await hub.stream('told').state()).toMatchObject({ how: 'failed', reason: 'The model is overloaded.' })
  await hub.close()
})

test('a reader whose stream has lost its beginning to the history is told of a gap', async () => {
  const hub = await createHub({ store: createMemoryStore({ maxEvents: 3 }), authorize: () => ({}) })
  const stream = hub.stream('long')
  for (let n = 0; n < 6; n++) await stream.write(String(n))
  await stream.close()
  const types: string[] = []
  for await (const { type, data } of hub.stream('long').read()) types.push(type === 'message' ? data : type)
  expect(types).toEqual(['headwater-gap', '4', '5'])
  await hub.close()
})

test('the records of a stream are in nobody else’s subscription, whatever its rights', async () => {
  const hub = await createHub({ store: createMemoryStore(), authorize: () => ({}) })
  await hub.stream('quiet').pipe('before')
  const received: string[] = []
  const reading = (async () => {
    for await (const { data } of hub.subscribe([everyTopic], { rights: [everyTopic], lastEventId: 'earliest' })) {
      received.push(data)
      if (data === 'last') return
    }
  })()
  await hub.stream('live').pipe('after')
  await hub.publish({ topic: 'a', data: 'last', private: true })
  await reading
  expect(received).toEqual(['last'])
  await expect(hub.publish({ topic: 'a', type: 'headwater-stream/event/x/public/1/kept/' })).rejects.toMatchObject({
    code: 'INVALID_EVENT_TYPE',
  })
  await hub.close()
})

test('a writer that took over is not told of what the one before wrote, however late the tail brings that', async () => {
  const history = createMemoryStore()
  const store = decorateStore(history, {
    follow: (follower) =>
      history.follow({
        ...follower,
        onStart: (bounds) => follower.onStart(bounds),
        onAppend: (events) => void setTimeout(() => follower.onAppend(events), 30),
        onTrim: (trimmed) => follower.onTrim(trimmed),
        onFailure: (error) => follower.onFailure(error),
      }),
  })
  const hub = await createHub({ store, authorize: () => ({}) })
  await hub.stream('late').write('a')
  const second = hub.stream('late')
  await second.takeOver()
  // Waits for the tail.
  await second.state()
  expect(second.signal.aborted).toBe(false)
  await second.write('b')
  await second.close()
  await hub.close()
})
