import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { BrokenResponse, EventStreamReader, type ReadEvent } from '../soak/event-stream-reader.ts'
import { type Faults, noFaults, Order } from '../soak/order.ts'
import { blocks, chunk, rechunk } from './streams.ts'

describe('a subscriber of the soak', () => {
  test('finds nothing wrong with a stream that is whole', () => {
    expect(faultsOf([0, 1, 2, 3])).toEqual({})
  })

  test.each<[string, number[], Partial<Faults>]>([
    ['an event that is not there', [0, 1, 3], { lost: 1 }],
    ['several at the beginning', [2, 3], { lost: 2 }],
    ['one that comes again at once', [0, 1, 1, 2, 3], { duplicated: 1 }],
    ['one that comes again later', [0, 1, 2, 3, 1], { duplicated: 1 }],
    ['two the other way round', [0, 2, 1, 3], { reordered: 1 }],
    ['one that comes late, and again', [0, 2, 1, 1, 3], { reordered: 1, duplicated: 1 }],
  ])('finds %s', (_what, seqs, expected) => {
    expect(faultsOf(seqs)).toEqual(expected)
  })

  test('lacks what has not come yet, and that is lost when the stream ends', () => {
    const { order, faults } = begun()
    order.receive({ stream: 7, seq: 0 })
    expect(order.lacks(7, 3)).toBe(2)
    order.end(7, 3)
    expect(faults.lost).toBe(2)
  })

  test('that joins while events are on their way may begin with any of those, and with no later one', () => {
    const joined = (seqs: readonly number[]) => faultsOf(seqs, { earliest: 4, latest: 6 })
    expect(joined([4, 5, 6, 7])).toEqual({})
    expect(joined([6, 7])).toEqual({})
    expect(joined([7])).toEqual({ lost: 1 })
    expect(joined([3, 4])).toEqual({ duplicated: 1 })
  })

  test('that was told of a gap goes on where the history begins, once', () => {
    const { order, faults } = begun()
    order.receive({ stream: 0, seq: 0 })
    order.allowJump([0])
    order.receive({ stream: 0, seq: 9 })
    expect(faults.lost).toBe(0)
    order.receive({ stream: 0, seq: 11 })
    expect(faults.lost).toBe(1)
  })
})

describe('a response that is read', () => {
  const head = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n'

  test('gives its events, wherever reads and chunks cut it', () => {
    const text = `: a heartbeat\n\n${blocks(3).join('')}event: headwater-gap\ndata: {}\n\n`
    for (const size of [1, 2, 7, 60, 10_000]) {
      const { events, reader } = reading()
      for (const part of split(`${head}\r\n${rechunk(text, size)}`, size + 1)) reader.read(Buffer.from(part))
      expect(events.map(({ id, type }) => [id, type])).toEqual([
        ['e.0-0', ''],
        ['e.0-1', ''],
        ['e.0-2', ''],
        ['e.0-2', 'headwater-gap'],
      ])
    }
  })

  test('gives its events when it is compressed', async () => {
    const three = new Promise<readonly ReadEvent[]>((resolve) => {
      const events: ReadEvent[] = []
      const reader = new EventStreamReader({
        onOpen: () => {},
        onEvent: (event) => {
          if (events.push(event) === 3) resolve(events)
        },
      })
      const bytes = gzipSync(blocks(3).join(''))
      reader.read(Buffer.from(`${head}Content-Encoding: gzip\r\n\r\n${bytes.length.toString(16)}\r\n`))
      reader.read(Buffer.concat([bytes, Buffer.from('\r\n')]))
    })
    expect((await three).map(({ id }) => id)).toEqual(['e.0-0', 'e.0-1', 'e.0-2'])
  })

  test('is refused when it is no event stream, or its chunks make no sense', () => {
    expect(() => reading().reader.read(Buffer.from('HTTP/1.1 429 Too Many Requests\r\n\r\n'))).toThrow(BrokenResponse)
    const { reader } = reading()
    reader.read(Buffer.from(`${head}\r\n${chunk(blocks(1)[0]!)}`))
    expect(() => reader.read(Buffer.from('data: without a chunk\r\n'))).toThrow(BrokenResponse)
  })
})

function begun({ earliest = 0, latest = 0 } = {}): { order: Order; faults: Faults } {
  const faults = noFaults()
  const order = new Order(faults)
  order.begin(new Map([[0, earliest]]), new Map([[0, latest]]))
  return { order, faults }
}

/** The faults of the events of stream 0 in this order. */
function faultsOf(seqs: readonly number[], from = {}): Partial<Faults> {
  const { order, faults } = begun(from)
  for (const seq of seqs) order.receive({ stream: 0, seq })
  return Object.fromEntries(Object.entries(faults).filter(([, count]) => count !== 0))
}

function reading(): { reader: EventStreamReader; events: ReadEvent[] } {
  const events: ReadEvent[] = []
  return { events, reader: new EventStreamReader({ onOpen: () => {}, onEvent: (event) => events.push(event) }) }
}

function split(text: string, size: number): string[] {
  return Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
    text.slice(index * size, (index + 1) * size),
  )
}
