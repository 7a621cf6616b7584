import { type Deviations, native } from '../harness/conformance-case.ts'
import { fromEach, keepsWaiting, reconnectsAfter } from '../harness/deviation-from.ts'
import { ending, stream } from '../harness/responses.ts'

/** Node 24, behind `--experimental-eventsource`; other versions differ. */
export const nativeNode: Deviations = {
  who: 'native Node.js',
  isOf: native('Node.js'),
  from: {
    'takes a line that is only a field name as the field with an empty value': {
      does: 'does not reset the event type by an empty one, and so loses the event',
      fails: '["message","x","1"],["message","y",""]]',
    },
    'takes an `event:` with an empty value as the reset of an earlier one in the block': {
      does: 'does not reset the event type by an empty one',
      fails: 'got [["b","2",""],["message","3",""]]',
    },
    'sends no Last-Event-ID after an empty id has reset it': {
      does: 'goes on sending the Last-Event-ID that an empty id has reset',
      fails: 'got [undefined,"1","1"]',
    },
    'sends a Last-Event-ID beyond ASCII as UTF-8 bytes': {
      does: 'can never reconnect after an id with a character beyond U+00FF: it fails before it asks, again and again',
      async run(t) {
        const served = await t.serve(ending('retry: 1\nid: é€𝄞\ndata\n\n'), stream())
        const source = t.watch(served.url)
        await source.nextAfterOthers('message')
        for (let i = 0; i < 5; i++)
          t.equal((await source.next('error')).readyState, 0, 'readyState in each error event')
        t.equal((await served.requested(1)).length, 1, 'requests')
      },
    },
    'takes `retry:` as soon as its line is read, without a blank line': {
      does: 'takes `retry:` only at the blank line',
      run: keepsWaiting('retry: 600000\n\n', 'retry: 1\n'),
    },
    ...Object.fromEntries(
      ['2147483648', '4294967297', '9999999999999999', '1'.repeat(400)].map((value) => [
        `waits on \`retry: ${value.length > 20 ? `${value.length} digits` : value}\` instead of reconnecting at once`,
        { does: 'reconnects at once, its timer overflowing', run: reconnectsAfter(`retry: ${value}\n\n`) },
      ]),
    ),
    ...fromEach(
      ['x-unknown:nothing', 'ftp://127.0.0.1/stream', 'mailto:nobody@example.com'].map(
        (url) => `fails for good on the URL ${url}, by an event and not by throwing`,
      ),
      { does: 'keeps trying', fails: 'readyState in the error event: expected 2, got 0' },
    ),
    ...fromEach(
      [
        ...['text/html, text/event-stream', 'text/event-stream, */*', 'text/event-stream,'].map(
          (type) => `opens on Content-Type: ${type}`,
        ),
        'takes the last of several Content-Type headers',
      ],
      {
        does: 'fails for good on several content types',
        fails: 'next event: expected "open", got "error" at readyState 2',
      },
    ),
    'still gives the event to the other listeners of the dispatch in which close() was called': {
      does: 'goes on with the later events of the chunk after close()',
      fails: 'got ["first 1","second 1","first 2","second 2"]',
    },
    'stops the later events of the same chunk when a handler calls close()': {
      does: 'goes on with the later events of the chunk after close()',
      fails: 'got ["open","message","message","a"]',
    },
    ...fromEach(
      [
        'does not open when close() is called before the answer, and fires nothing',
        'sends no request when close() follows construction at once, or fires nothing if it had been sent',
      ],
      { does: 'fires error after close()', fails: 'events: expected [], got ["error"]' },
    ),
    'has the toStringTag EventSource': {
      does: 'calls itself an EventTarget',
      fails: 'String(source): expected "[object EventSource]", got "[object EventTarget]"',
    },
    'keeps the place of a handler among the listeners when it is replaced, and gives a new place after null': {
      does: 'gives a replaced handler a new place',
      fails: 'got ["first listener","second listener","handler"]',
    },
    'opens in a task of its own, after the constructor has returned and its microtasks have run': {
      does: 'dispatches within the microtasks of the constructor',
      fails: 'got ["error","microtasks"]',
    },
    'dispatches events as tasks of their own: what a handler leaves to microtasks runs before the next event': {
      does: 'dispatches the events of a chunk in one task',
      fails: 'got ["event 1","event 2","event 3","microtasks of 1"',
    },
    'dispatches events that say isTrusted': {
      does: 'dispatches untrusted events',
      fails: 'got [false,false]',
    },
  },
}
