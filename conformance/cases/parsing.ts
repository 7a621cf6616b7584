import type { ConformanceCase } from './harness/conformance-case.ts'
import { type Chunk, ending, endingOnSignal, paced, stream } from './harness/responses.ts'
import type { Trial } from './harness/trial.ts'

type Dispatched = [type: string, data: string, lastEventId: string]

/** One stream, and every event it must give. An event of type `done` follows it and is not listed. */
interface ParsingCase {
  name: string
  line: string
  input: Chunk[]
  expected: Dispatched[]
}

const utf8 = (text: string) => [...new TextEncoder().encode(text)]
const BOM = '\uFEFF'

/** The numbered lines 1 to 7: what a stream means. */
export const parsingCases: ConformanceCase[] = [
  ...streams(
    {
      name: 'reads UTF-8, two, three and four bytes long',
      line: '1',
      input: ['data: é € 𝄞\n\n'],
      expected: [['message', 'é € 𝄞', '']],
    },
    {
      name: 'puts characters together whose bytes arrive one by one',
      line: '1',
      input: ['data: ', ...bytewise('é€𝄞'), '\n\n'],
      expected: [['message', 'é€𝄞', '']],
    },
    {
      name: 'replaces invalid bytes by U+FFFD, one for each maximal part',
      line: '1',
      input: ['data: a', [0xff], 'b', [0xc0, 0x80], 'c', [0xe2, 0x82], 'd', [0xed, 0xa0, 0x80], '\n\n'],
      expected: [['message', 'a\uFFFDb\uFFFD\uFFFDc\uFFFDd\uFFFD\uFFFD\uFFFD', '']],
    },
    {
      name: 'replaces a character that a line end cuts off',
      line: '1',
      input: ['data: a', [0xf0, 0x9d], '\ndata: b\n\n'],
      expected: [['message', 'a\uFFFD\nb', '']],
    },
    {
      name: 'drops one leading byte order mark',
      line: '1',
      input: [`${BOM}data: a\n\n`],
      expected: [['message', 'a', '']],
    },
    {
      name: 'drops a leading byte order mark whose bytes arrive one by one',
      line: '1',
      input: [...bytewise(BOM), 'data: a\n\n'],
      expected: [['message', 'a', '']],
    },
    {
      name: 'keeps a second byte order mark: it is part of a field name, which nobody knows',
      line: '1',
      input: [`${BOM}${BOM}data: a\n\ndata: b\n\n`],
      expected: [['message', 'b', '']],
    },
    {
      name: 'keeps a byte order mark that is not the first character',
      line: '1',
      input: [`data: 1${BOM}\n\n${BOM}data: 2\n\n`],
      expected: [['message', `1${BOM}`, '']],
    },
    {
      name: 'keeps the characters ï»¿, which only look like a byte order mark',
      line: '1',
      input: ['ï»¿data: a\n\ndata: b\n\n'],
      expected: [['message', 'b', '']],
    },
    {
      name: 'takes a line that starts with the first bytes of a byte order mark as it is',
      line: '1',
      input: [[0xef, 0xbb], 'data: a\n\ndata: b\n\n'],
      expected: [['message', 'b', '']],
    },
    {
      name: 'keeps U+0000, U+0085, U+2028 and U+2029 in data: they end no line',
      line: '1',
      input: ['data: a\0b\u0085c\u2028d\u2029e\u000bf\u000cg\n\n'],
      expected: [['message', 'a\0b\u0085c\u2028d\u2029e\u000bf\u000cg', '']],
    },
    ...['\n', '\r', '\r\n'].map((lineEnd) => ({
      name: `reads lines that end with ${JSON.stringify(lineEnd)}`,
      line: '2',
      input: [`event: a${lineEnd}data: 1${lineEnd}data: 2${lineEnd}id: 3${lineEnd}${lineEnd}`],
      expected: [['a', '1\n2', '3']] as Dispatched[],
    })),
    {
      name: 'reads mixed line ends',
      line: '2',
      input: ['data: 1\rdata: 2\r\ndata: 3\n\rdata: 4\r\n\ndata: 5\r\r\ndata: 6\n\r\n'],
      expected: [
        ['message', '1\n2\n3', ''],
        ['message', '4', ''],
        ['message', '5', ''],
        ['message', '6', ''],
      ],
    },
    {
      name: 'takes a line that is only a field name as the field with an empty value',
      line: '3',
      input: ['data\n\n', 'data\ndata\n\n', 'id: 1\ndata: x\n\nid\ndata: y\n\n', 'event: a\nevent\ndata: z\n\n'],
      expected: [
        ['message', '', ''],
        ['message', '\n', ''],
        ['message', 'x', '1'],
        ['message', 'y', ''],
        ['message', 'z', ''],
      ],
    },
    {
      name: 'ignores comments and unknown fields',
      line: '3',
      input: [': comment\n:\n:data: no\ndata: 1\nfoo: bar\nfoo\n: x\ndata: 2\n\n: alone\n\n'],
      expected: [['message', '1\n2', '']],
    },
    {
      name: 'knows field names only exactly as they are: no other case, no space around',
      line: '3',
      input: ['Data: 1\nDATA: 2\n data: 3\ndata : 4\n\tdata: 5\ndat: 6\ndatas: 7\nEVENT: a\nID: 8\ndata: end\n\n'],
      expected: [['message', 'end', '']],
    },
    {
      name: 'strips only one space after the colon, no tab, and nothing at the end',
      line: '3',
      input: ['data:  a \n\ndata:\tb\t\n\ndata: : c\n\nevent:  d\ndata\n\nid:  e \ndata\n\n'],
      expected: [
        ['message', ' a ', ''],
        ['message', '\tb\t', ''],
        ['message', ': c', ''],
        [' d', '', ''],
        ['message', '', ' e '],
      ],
    },
    {
      name: 'dispatches nothing for a block without data, but takes its id',
      line: '4',
      input: ['event: a\nid: 1\n\n', 'data: after\n\n'],
      expected: [['message', 'after', '1']],
    },
    {
      name: 'dispatches an event with empty data for `data:` alone',
      line: '4',
      input: ['data:\n\ndata: \n\ndata:\ndata:\n\n'],
      expected: [
        ['message', '', ''],
        ['message', '', ''],
        ['message', '\n', ''],
      ],
    },
    {
      name: 'forgets the event type at the blank line, with or without data',
      line: '5',
      input: ['event: a\n\ndata: 1\n\nevent: b\ndata: 2\n\ndata: 3\n\n'],
      expected: [
        ['message', '1', ''],
        ['b', '2', ''],
        ['message', '3', ''],
      ],
    },
    {
      name: 'takes an `event:` with an empty value as the reset of an earlier one in the block',
      line: '5',
      input: ['event: a\nevent:\ndata: 1\n\nevent: a\nevent: b\ndata: 2\n\nevent: message\ndata: 3\n\n'],
      expected: [
        ['message', '1', ''],
        ['b', '2', ''],
        ['message', '3', ''],
      ],
    },
    {
      name: 'ignores an id that contains NUL',
      line: '6',
      input: ['id: 1\ndata: a\n\nid: 2\0\ndata: b\n\nid: \0\ndata: c\n\nid: 3\nid: 4\0\ndata: d\n\n'],
      expected: [
        ['message', 'a', '1'],
        ['message', 'b', '1'],
        ['message', 'c', '1'],
        ['message', 'd', '3'],
      ],
    },
    {
      name: 'resets the last event ID by an empty id',
      line: '6',
      input: ['id: 1\ndata: a\n\nid:\ndata: b\n\ndata: c\n\n'],
      expected: [
        ['message', 'a', '1'],
        ['message', 'b', ''],
        ['message', 'c', ''],
      ],
    },
    {
      name: 'takes the last of several ids in a block, wherever it stands',
      line: '6',
      input: ['id: 1\ndata: a\nid: 2\n\n'],
      expected: [['message', 'a', '2']],
    },
    {
      name: 'resets the last event ID by an empty id in a block without data',
      line: '6',
      input: ['id: 1\ndata: a\n\nid:\n\ndata: b\n\n'],
      expected: [
        ['message', 'a', '1'],
        ['message', 'b', ''],
      ],
    },
  ),
  {
    name: 'reads UTF-8 whatever charset the content type names',
    line: '1',
    async run(t) {
      const served = await t.serve({
        headers: [['content-type', 'text/event-stream; charset=iso-8859-1']],
        body: [{ write: 'data: é€\n\n' }],
      })
      const source = t.watch(served.url)
      await source.next('open')
      t.equal((await source.next('message')).data, 'é€', 'data')
    },
  },
  {
    name: 'means the same cut at every byte, with LF, CR and CRLF, a byte order mark in the data and split characters',
    line: '2',
    async run(t) {
      const bytes = utf8(`:c\r\nevent: a\rdata:é𝄞${BOM}\ndata: x\r\n\r\nid:ü\ndata\ndata:y\n\r\n`)
      const expected = [
        ['a', `é𝄞${BOM}\nx`],
        ['message', '\ny'],
      ]
      const cuts = [...bytes.keys()].slice(1)
      const served = await t.serve(
        stream(...cuts.flatMap((at): Chunk[] => [bytes.slice(0, at), { wait: 'go on' }, bytes.slice(at)])),
      )
      const source = t.watch(served.url, { types: ['a'] })
      for (let at = 1; at < bytes.length; at++) {
        // A round trip after the first part was written.
        await served.signal('go on')
        const events = [await source.nextAfterOthers('a'), await source.next('message')]
        t.deepEqual(
          events.map(({ type, data }) => [type, data]),
          expected,
          `events of the stream cut after byte ${at}`,
        )
        t.equal(events[1]!.lastEventId, 'ü', `lastEventId of the stream cut after byte ${at}`)
      }
    },
  },
  {
    name: 'means the same when every byte arrives alone',
    line: '2',
    async run(t) {
      const bytes = bytewise('data: é\r\nid: 1\r\rdata: €\r\n\r\n')
      const served = await t.serve(paced(...bytes))
      const source = t.watch(served.url)
      for (const _ of bytes) await served.signal('next')
      const events = [await source.nextAfterOthers('message'), await source.next('message')]
      t.deepEqual(
        events.map(({ data, lastEventId }) => [data, lastEventId]),
        [
          ['é', '1'],
          ['€', '1'],
        ],
        'events',
      )
    },
  },
  {
    name: 'dispatches at CR CR without waiting for what follows, and swallows an LF that does',
    line: '2',
    async run(t) {
      const served = await t.serve(
        stream(
          'data: a\r\r',
          { wait: 'a seen' },
          '\ndata: b\r',
          { wait: 'cut' },
          '\n\r',
          { wait: 'b seen' },
          '\ndata: c\n\n',
        ),
      )
      const source = t.watch(served.url)
      await source.next('open')
      t.equal((await source.next('message')).data, 'a', 'data ended by CR CR')
      await served.signal('a seen')
      await served.signal('cut')
      t.equal((await source.next('message')).data, 'b', 'data ended by CR, LF after a cut, CR')
      await served.signal('b seen')
      t.equal((await source.next('message')).data, 'c', 'data after that')
    },
  },
  {
    name: 'discards a block that the end of the stream cuts off, and its id',
    line: '4',
    async run(t) {
      const served = await t.serve(
        ending('retry: 1\nid: 1\ndata: a\n\n', 'id: 2\ndata: lost\n'),
        ending('id: 3\ndata: lost'),
        stream('data: b\n\n'),
      )
      const source = t.watch(served.url)
      t.equal((await source.nextAfterOthers('message')).data, 'a', 'data of the first event')
      const last = await source.nextAfterOthers('message')
      t.deepEqual([last.data, last.lastEventId], ['b', '1'], 'data and lastEventId of the second event')
      const ids = (await served.requested(3)).map(({ headers }) => headers['last-event-id'])
      t.deepEqual(ids, [undefined, '1', '1'], 'Last-Event-ID of each request')
    },
  },
  {
    name: 'starts each connection with fresh fields: an event type, data or half a line of the last one are gone',
    line: '2',
    async run(t) {
      const served = await t.serve(
        ending('retry: 1\n\nevent: a\ndata: old\n'),
        ending('data: 1\n\ndata: old'),
        ending('data: 2\n\ndata: old\r'),
        stream('\ndata: 3\n\n'),
      )
      const source = t.watch(served.url, { types: ['a'] })
      const events = []
      for (let i = 0; i < 3; i++) events.push(await source.nextAfterOthers('message'))
      t.deepEqual(
        events.map(({ data }) => data),
        ['1', '2', '3'],
        'data',
      )
      t.equal(source.types().includes('a'), false, 'an event of the old type')
    },
  },
  {
    name: 'starts each connection with a fresh decoder: half a character is gone, and a byte order mark dropped again',
    line: '2',
    async run(t) {
      const served = await t.serve(
        ending('retry: 1\n\n', [0xf0, 0x9d]),
        ending('data: 1\n\n', [0xef, 0xbb]),
        ending(`${BOM}data: 2\n\n`),
        stream(`${BOM}data: 3\n\n`),
      )
      const source = t.watch(served.url)
      const events = []
      for (let i = 0; i < 3; i++) events.push(await source.nextAfterOthers('message'))
      t.deepEqual(
        events.map(({ data }) => data),
        ['1', '2', '3'],
        'data',
      )
    },
  },
  {
    name: 'sends no Last-Event-ID after an empty id has reset it',
    line: '6',
    async run(t) {
      const served = await t.serve(ending('retry: 1\nid: 1\ndata: a\n\n'), ending('id:\ndata: b\n\n'), stream())
      t.watch(served.url)
      const ids = (await served.requested(3)).map(({ headers }) => headers['last-event-id'])
      t.deepEqual(ids, [undefined, '1', undefined], 'Last-Event-ID of each request')
    },
  },
  {
    name: 'sends the id of a block without data on reconnect',
    line: '4',
    async run(t) {
      const served = await t.serve(ending('retry: 1\nid: 1\ndata: a\n\nid: 2\n\n'), stream())
      t.watch(served.url)
      t.equal((await served.requested(2))[1]!.headers['last-event-id'], '2', 'Last-Event-ID')
    },
  },
  {
    name: 'moves the last event ID by an event with an empty data field that nobody listens to',
    line: '4',
    async run(t) {
      const served = await t.serve(
        ending('retry: 1\nid: 1\ndata: a\n\n', 'event: headwater-position\ndata:\nid: 2\n\n'),
        stream('data: b\n\n'),
      )
      const source = t.watch(served.url)
      await source.nextAfterOthers('message')
      t.equal((await source.nextAfterOthers('message')).lastEventId, '2', 'lastEventId of a later event')
      t.equal((await served.requested(2))[1]!.headers['last-event-id'], '2', 'Last-Event-ID')
    },
  },
  ...['+600000', '-600000', '6e5', '600000 ', ' 600000', '0x927c0', '600000.0', '600000ms', '６０００００'].map(
    (value): ConformanceCase => ({
      name: `ignores \`retry: ${value}\`: ASCII digits only`,
      line: '7',
      run: (t) => t.reconnectsEarlier(endingOnSignal(`retry: 1\n\nretry: ${value}\n\n`)),
    }),
  ),
  {
    name: 'ignores an empty `retry:`: the delay stays as it was',
    line: '7',
    run: (t) => t.reconnectsEarlier(endingOnSignal('retry: 1\n\nretry:\n\n')),
  },
  {
    name: 'takes `retry:` as soon as its line is read, without a blank line',
    line: '7',
    async run(t) {
      const served = await t.serve(ending('retry: 600000\n\n', 'retry: 1\n'), stream())
      t.watch(served.url)
      await served.requested(2)
    },
  },
  {
    name: 'takes the last of several `retry:` lines',
    line: '7',
    async run(t) {
      const served = await t.serve(ending('retry: 600000\nretry: 1\nretry: x\n\n'), stream())
      t.watch(served.url)
      await served.requested(2)
    },
  },
  ...['2147483648', '4294967297', '9999999999999999', '1'.repeat(400)].map(
    (value): ConformanceCase => ({
      name: `waits on \`retry: ${value.length > 20 ? `${value.length} digits` : value}\` instead of reconnecting at once`,
      line: '7',
      async run(t) {
        const served = await t.serve(ending(`retry: ${value}\n\n`), stream())
        const source = t.watch(served.url)
        await source.next('open')
        await source.next('error')
        await t.whileAnotherReconnects(2)
        t.equal((await served.requested(1)).length, 1, 'requests')
      },
    }),
  ),
]

function streams(...parsingCases: ParsingCase[]): ConformanceCase[] {
  return parsingCases.map(({ input, expected, ...rest }) => ({
    ...rest,
    run: (t) => expectDispatched(t, input, expected),
  }))
}

async function expectDispatched(t: Trial, input: Chunk[], expected: Dispatched[]): Promise<void> {
  const served = await t.serve(stream(...input, 'event: done\ndata: .\n\n'))
  const source = t.watch(served.url, { types: ['done', ...expected.map(([type]) => type)] })
  await source.nextAfterOthers('done')
  const dispatched = source.seen
    .filter(({ type }) => type !== 'open' && type !== 'done')
    .map(({ type, data, lastEventId }) => [type, data, lastEventId])
  t.deepEqual(dispatched, expected, 'events')
}

function bytewise(text: string): number[][] {
  return utf8(text).map((byte) => [byte])
}
