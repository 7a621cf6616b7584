import type { ConformanceCase } from './harness/conformance-case.ts'
import { ending, endingOnSignal, eventStream, refusal, stream } from './harness/responses.ts'
import type { ScriptedResponse, Step } from './harness/script.ts'
import type { Trial } from './harness/trial.ts'

const CONNECTING = 0
const OPEN = 1
const CLOSED = 2

/** What a refusal carries: a stream to anyone who overlooks that it is one. It ends, as some browsers sniff it first. */
const body: Step[] = [{ write: 'retry: 1\ndata: no\n\n' }, { finish: 'end' }]

/** The user's own description of EventSource, line by line (`eventsource-behaviour.md`, "The ground"). */
export const groundCases: ConformanceCase[] = [
  {
    name: 'opens on 200 with Content-Type: text/event-stream and keeps the response open',
    line: 'ground 1',
    async run(t) {
      const served = await t.serve({
        headers: [eventStream],
        body: [{ write: ':\n' }, { wait: 'go on' }, { write: 'data: later\n\n' }],
      })
      const source = t.watch(served.url)
      await source.next('open')
      await served.signal('go on')
      t.equal((await source.next('message')).data, 'later', 'data sent into the open response')
      t.equal((await served.requested(1)).length, 1, 'requests')
    },
  },
  {
    name: 'is a regular HTTP request: a GET without a body that upgrades nothing',
    line: 'ground 1',
    async run(t) {
      const served = await t.serve(stream())
      await t.watch(served.url).next('open')
      const [request] = await served.requested(1)
      t.equal(request!.method, 'GET', 'method')
      t.equal(request!.body, '', 'body')
      t.equal(request!.headers.upgrade, undefined, 'Upgrade header')
    },
  },
  {
    name: 'opens as soon as the headers are there, before the first byte of the body',
    line: 'ground 1',
    async run(t) {
      const served = await t.serve(stream({ wait: 'opened' }, 'data: first\n\n'))
      const source = t.watch(served.url)
      await source.next('open')
      await served.signal('opened')
      t.equal((await source.next('message')).data, 'first', 'data')
    },
  },
  {
    name: 'dispatches each event as it comes, without waiting for the next',
    line: 'ground 1',
    async run(t) {
      const served = await t.serve(
        stream('data: 1\n\n', { wait: '1 seen' }, 'data: 2\n\n', { wait: '2 seen' }, 'data: 3\n\n'),
      )
      const source = t.watch(served.url)
      await source.next('open')
      for (const data of ['1', '2', '3']) {
        t.equal((await source.next('message')).data, data, 'data')
        await served.signal(`${data} seen`)
      }
    },
  },
  {
    name: 'dispatches a message when its data lines are ended by a blank line, and not before',
    line: 'ground 2',
    async run(t) {
      const served = await t.serve(stream('data: a\n', { wait: 'asked' }, '\nevent: done\ndata: .\n\n'))
      const source = t.watch(served.url, { types: ['done'] })
      await source.next('open')
      await t.whileAnotherReconnects(1)
      t.deepEqual(source.types(), ['open'], 'events before the blank line')
      await served.signal('asked')
      t.equal((await source.next('message')).data, 'a', 'data')
    },
  },
  {
    name: 'takes one space after the colon as optional and not part of the value',
    line: 'ground 2',
    run: (t) => expectData(t, 'data:a\n\ndata: b\n\ndata:  c\n\n', ['a', 'b', ' c']),
  },
  {
    name: 'joins the data lines of one message by LF',
    line: 'ground 2',
    run: (t) => expectData(t, 'data: one\ndata: two\ndata:\ndata: four\n\n', ['one\ntwo\n\nfour']),
  },
  {
    name: 'has withCredentials as its only option, false unless asked for',
    line: 'ground 3',
    async run(t) {
      const served = await t.serve(stream(), stream(), stream())
      t.equal(t.watch(served.url).source.withCredentials, false, 'without options')
      t.equal(t.watch(served.url, {}).source.withCredentials, false, 'with empty options')
      t.equal(t.watch(served.url, { withCredentials: true }).source.withCredentials, true, 'asked for')
    },
  },
  {
    name: 'reconnects by itself when the server ends the response',
    line: 'ground 4',
    async run(t) {
      const served = await t.serve(ending('retry: 1\ndata: 1\n\n'), stream('data: 2\n\n'))
      const source = t.watch(served.url)
      await source.next('open')
      await source.next('message')
      t.equal((await source.next('error')).readyState, CONNECTING, 'readyState in the error event')
      t.equal((await source.next('open')).readyState, OPEN, 'readyState in the second open event')
      t.equal((await source.next('message')).data, '2', 'data of the second connection')
    },
  },
  {
    name: 'reconnects by itself again and again, as often as the response ends',
    line: 'ground 4',
    async run(t) {
      const served = await t.serve(ending('retry: 1\n\n'), ending(), ending(), stream('data: fourth\n\n'))
      const source = t.watch(served.url)
      await source.nextAfterOthers('message')
      t.deepEqual(
        source.types(),
        ['open', 'error', 'open', 'error', 'open', 'error', 'open', 'message'],
        'events over four connections',
      )
    },
  },
  {
    name: 'waits as long as `retry:` says: one told 600000 is still waiting when one told 1 has reconnected three times',
    line: 'ground 4',
    async run(t) {
      const served = await t.serve(ending('retry: 600000\n\n'), stream())
      const source = t.watch(served.url)
      await source.next('open')
      t.equal((await source.next('error')).readyState, CONNECTING, 'readyState')
      await t.whileAnotherReconnects(2)
      t.equal((await served.requested(1)).length, 1, 'requests')
      t.equal(source.readyState, CONNECTING, 'readyState after that')
    },
  },
  {
    name: 'reconnects after 1 ms on `retry: 1`: long before a source that was told nothing',
    line: 'ground 4',
    run: (t) => t.reconnectsEarlier(endingOnSignal('retry: 1\n\n')),
  },
  {
    name: 'keeps the delay of `retry:` on later connections that do not mention it',
    line: 'ground 4',
    run: (t) => t.reconnectsEarlier(ending('retry: 1\n\n'), endingOnSignal(':\n')),
  },
  {
    name: 'stops for good on a 204: error event, state CLOSED, no more attempts',
    line: 'ground 4',
    run: (t) => expectRefused(t, refusal(204)),
  },
  {
    name: 'stops for good when a reconnect is answered by 204',
    line: 'ground 4',
    run: (t) => expectReconnectRefused(t, refusal(204)),
  },
  {
    name: 'is stopped by close() on this side: CLOSED at once, no event, and the server sees the connection closed',
    line: 'ground 4',
    async run(t) {
      const served = await t.serve(stream('retry: 1\ndata: 1\n\n'), stream())
      const source = t.watch(served.url)
      await source.next('open')
      await source.next('message')
      source.source.close()
      t.equal(source.readyState, CLOSED, 'readyState')
      await served.left(0)
      await t.whileAnotherReconnects()
      t.deepEqual(source.types(), ['open', 'message'], 'events')
      t.equal((await served.requested(1)).length, 1, 'requests')
    },
  },
  ...[500, 502, 503, 504, 400, 401, 403, 404, 410, 429].map(
    (status): ConformanceCase => ({
      name: `fails for good on status ${status}: error event, state CLOSED, no more attempts`,
      line: 'ground 5',
      run: (t) => expectRefused(t, { ...refusal(status, eventStream), body }),
    }),
  ),
  ...[201, 202, 203, 206].map(
    (status): ConformanceCase => ({
      name: `fails for good on status ${status}: of the successful ones only 200 opens`,
      line: 'ground 5',
      run: (t) => expectRefused(t, { ...refusal(status, eventStream), body }),
    }),
  ),
  {
    name: 'fails for good when a reconnect is answered by 500',
    line: 'ground 5',
    run: (t) => expectReconnectRefused(t, { ...refusal(500, eventStream), body }),
  },
  {
    name: 'fails for good on a wrong content type: error event, state CLOSED, no more attempts',
    line: 'ground 5',
    run: (t) => expectRefused(t, { ...refusal(200, ['content-type', 'text/plain']), body }),
  },
  {
    name: 'fails for good when there is no content type',
    line: 'ground 5',
    run: (t) => expectRefused(t, { ...refusal(200), body }),
  },
  {
    name: 'fails for good when a reconnect is answered with a wrong content type',
    line: 'ground 5',
    run: (t) => expectReconnectRefused(t, { ...refusal(200, ['content-type', 'text/html']), body }),
  },
  {
    name: 'needs a new object after it failed, and the new one opens',
    line: 'ground 5',
    async run(t) {
      const served = await t.serve(refusal(500), stream('data: new\n\n'))
      const failed = t.watch(served.url)
      await failed.next('error')
      const source = t.watch(served.url)
      await source.next('open')
      t.equal((await source.next('message')).data, 'new', 'data')
      t.equal(failed.readyState, CLOSED, 'readyState of the old object')
    },
  },
  {
    name: 'sets lastEventId on the event from `id:`, written after data, and keeps it for events without one',
    line: 'ground 6',
    async run(t) {
      const served = await t.serve(stream('data: 0\n\ndata: 1\nid: one\n\ndata: 2\n\nid: three\ndata: 3\n\n'))
      const source = t.watch(served.url)
      await source.next('open')
      for (const [data, id] of [
        ['0', ''],
        ['1', 'one'],
        ['2', 'one'],
        ['3', 'three'],
      ]) {
        const message = await source.next('message')
        t.deepEqual([message.data, message.lastEventId], [data, id], 'data and lastEventId')
      }
    },
  },
  {
    name: 'sends the last event ID on reconnect, even if later events had none, and no such header before there is one',
    line: 'ground 6',
    async run(t) {
      const served = await t.serve(ending('retry: 1\ndata: 1\nid: one\n\ndata: 2\n\n'), ending(), stream())
      t.watch(served.url)
      const ids = (await served.requested(3)).map(({ headers }) => headers['last-event-id'])
      t.deepEqual(ids, [undefined, 'one', 'one'], 'Last-Event-ID of each request')
    },
  },
  {
    name: 'goes through the readyStates: CONNECTING 0, OPEN 1, CONNECTING again at each reconnect, CLOSED 2 at the end',
    line: 'ground 7',
    async run(t) {
      const served = await t.serve(ending('retry: 1\ndata: 1\n\n'), ending(), refusal(204))
      const source = t.watch(served.url)
      t.equal(source.readyState, CONNECTING, 'readyState after construction')
      await source.nextAfterOthers('error')
      await source.nextAfterOthers('error')
      await source.nextAfterOthers('error')
      t.deepEqual(
        source.seen.map(({ type, readyState }) => `${type} ${readyState}`),
        ['open 1', 'message 1', 'error 0', 'open 1', 'error 0', 'error 2'],
        'events and the readyState in each',
      )
      t.equal(source.readyState, CLOSED, 'readyState at the end')
    },
  },
  {
    name: 'dispatches open and error as plain events, message as a MessageEvent',
    line: 'ground 7',
    async run(t) {
      const served = await t.serve(ending('data: 1\n\n'))
      const source = t.watch(served.url)
      for (const type of ['open', 'message', 'error']) {
        const { event } = await source.next(type)
        t.equal(event instanceof Event, true, `${type} is an Event`)
        t.equal(event instanceof MessageEvent, type === 'message', `${type} is a MessageEvent`)
        t.equal(event.target, source.source, `target of ${type}`)
      }
    },
  },
  {
    name: 'calls onopen, onmessage and onerror',
    line: 'ground 7',
    async run(t) {
      const served = await t.serve(ending('data: 1\n\n'))
      const source = new t.EventSource(served.url)
      t.atEnd(() => source.close())
      const called: string[] = []
      await new Promise<void>((resolve) => {
        source.onopen = ({ type }) => called.push(type)
        source.onmessage = ({ type, data }) => called.push(type, data)
        source.onerror = ({ type }) => {
          called.push(type)
          resolve()
        }
      })
      t.deepEqual(called, ['open', 'message', '1', 'error'], 'calls')
    },
  },
  {
    name: 'dispatches a named event to the listeners of its name, and not as message',
    line: 'ground 7',
    async run(t) {
      const served = await t.serve(stream('event: tick\ndata: 1\n\nevent: unheard\ndata: 2\n\ndata: 3\n\n'))
      const source = t.watch(served.url, { types: ['tick'] })
      let onmessage = ''
      source.source.onmessage = ({ data }) => {
        onmessage += data
      }
      await source.next('open')
      t.equal((await source.next('tick')).data, '1', 'data of the named event')
      t.equal((await source.next('message')).data, '3', 'data of the first message')
      await t.whileAnotherReconnects(1)
      t.equal(onmessage, '3', 'what onmessage was called with')
    },
  },
]

async function expectData(t: Trial, text: string, expected: string[]): Promise<void> {
  const served = await t.serve(stream(text))
  const source = t.watch(served.url)
  await source.next('open')
  const data: unknown[] = []
  while (data.length < expected.length) data.push((await source.next('message')).data)
  t.deepEqual(data, expected, 'data')
}

/** The first answer is a refusal: one error event, CLOSED, and no request follows. */
async function expectRefused(t: Trial, response: ScriptedResponse): Promise<void> {
  const served = await t.serve(response)
  const source = t.watch(served.url)
  t.equal((await source.next('error')).readyState, CLOSED, 'readyState in the error event')
  await t.whileAnotherReconnects()
  t.deepEqual(source.types(), ['error'], 'events')
  t.equal((await served.requested(1)).length, 1, 'requests')
}

/** The answer to a reconnect, due 1 ms after the end of the first response, is a refusal. */
async function expectReconnectRefused(t: Trial, response: ScriptedResponse): Promise<void> {
  const served = await t.serve(ending('retry: 1\n\n'), response)
  const source = t.watch(served.url)
  await source.next('open')
  t.equal((await source.next('error')).readyState, CONNECTING, 'readyState in the first error event')
  t.equal((await source.next('error')).readyState, CLOSED, 'readyState in the second error event')
  await t.whileAnotherReconnects()
  t.deepEqual(source.types(), ['open', 'error', 'error'], 'events')
  t.equal((await served.requested(2)).length, 2, 'requests')
}
