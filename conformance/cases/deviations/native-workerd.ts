import { type Deviations, native } from '../harness/conformance-case.ts'
import { fromEach, keepsWaiting, waitsAtLeast } from '../harness/deviation-from.ts'
import { endingOnSignal, stream } from '../harness/responses.ts'
import type { Trial } from '../harness/trial.ts'

export const nativeWorkerd: Deviations = {
  who: 'native workerd',
  isOf: native('workerd'),
  from: {
    ...fromEach(
      [
        'has withCredentials as its only option, false unless asked for',
        'takes undefined, null and any object as options, and throws a TypeError for other values',
        'converts withCredentials to a boolean, and lets the error of its getter through',
      ],
      {
        does: 'refuses withCredentials: true',
        fails: 'NotSupportedError: The init.withCredentials option is not supported. It must be false or undefined.',
      },
    ),
    'reconnects after 1 ms on `retry: 1`: long before a source that was told nothing': {
      does: 'waits at least a second, whatever `retry:` says',
      run: waitsAtLeast(1000),
    },
    ...Object.fromEntries(
      ['+600000', ' 600000', '0x927c0'].map((value) => [
        `ignores \`retry: ${value}\`: ASCII digits only`,
        { does: 'takes it as a number', run: keepsWaiting(`retry: 1\n\nretry: ${value}\n\n`) },
      ]),
    ),
    ...fromEach(
      [201, 202, 203, 206].map((status) => `fails for good on status ${status}: of the successful ones only 200 opens`),
      { does: 'opens on it', fails: 'next event: expected "error", got "open" at readyState 1' },
    ),
    'drops a leading byte order mark whose bytes arrive one by one': {
      does: 'keeps a byte order mark that arrives in pieces',
      fails: 'events: expected [["message","a",""]], got []',
    },
    'takes a line that is only a field name as the field with an empty value': {
      does: 'dispatches no event with empty data, and does not reset the event type',
      fails: String.raw`got [["message","\n",""],["message","x","1"],["message","y",""]]`,
    },
    'strips only one space after the colon, no tab, and nothing at the end': {
      does: 'dispatches no event with empty data',
      fails: String.raw`got [["message"," a ",""],["message","\tb\t",""],["message",": c",""]]`,
    },
    'dispatches an event with empty data for `data:` alone': {
      does: 'dispatches no event with empty data',
      fails: String.raw`got [["message","\n",""]]`,
    },
    'takes an `event:` with an empty value as the reset of an earlier one in the block': {
      does: 'does not reset the event type by an empty one',
      fails: 'got [["b","2",""],["message","3",""]]',
    },
    'ignores an id that contains NUL': {
      does: 'takes an id that contains NUL',
      fails: String.raw`got [["message","a","1"],["message","b","2\u0000"],["message","c","\u0000"],["message","d","4\u0000"]]`,
    },
    'means the same when every byte arrives alone': {
      does: 'misses an id whose bytes arrive one by one until the event after it',
      fails: String.raw`got [["\u00e9",""],["\u20ac","1"]]`,
    },
    'discards a block that the end of the stream cuts off, and its id': {
      does: 'takes the id of a block that the end of the stream cuts off',
      fails: 'expected ["b","1"], got ["b","3"]',
    },
    'converts the URL as a USVString: a lone surrogate becomes U+FFFD': {
      does: 'encodes a lone surrogate as it is',
      fails: '?q=%ED%A0%80',
    },
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
    ...Object.fromEntries(
      ['4294967297', '9999999999999999', '1'.repeat(400)].map((value) => [
        `waits on \`retry: ${value.length > 20 ? `${value.length} digits` : value}\` instead of reconnecting at once`,
        {
          does: 'takes none above 2³² - 1',
          run: (t: Trial) => t.reconnectsEarlier(endingOnSignal(`retry: 1\n\nretry: ${value}\n\n`)),
        },
      ]),
    ),
    ...fromEach(
      [301, 302, 303, 307, 308].flatMap((status) => [
        `follows a ${status} redirect: \`url\` stays as constructed, readyState CONNECTING until it opens`,
        `reconnects to the final URL after a ${status} redirect, with the last event ID`,
      ]),
      { does: 'changes `url` to the final one', fails: '/final"' },
    ),
    'goes on trying when a reconnect is dropped before it is answered': {
      does: 'gives up when a connection is dropped before it is answered',
      fails: 'expected 0, got 2',
    },
    'still gives the event to the other listeners of the dispatch in which close() was called': {
      does: 'goes on with the later events of the chunk after close()',
      fails: 'got ["first 1","second 1","first 2","second 2"]',
    },
    'stops the later events of the same chunk when a handler calls close()': {
      does: 'goes on with the later events of the chunk after close()',
      fails: 'got ["open","message","message","a"]',
    },
    ...fromEach(
      ['CONNECTING = 0', 'OPEN = 1', 'CLOSED = 2'].map(
        (constant) => `has the constant ${constant} on class and prototype, enumerable and read-only`,
      ),
      { does: 'has it configurable', fails: '"writable":false,"enumerable":true,"configurable":true}' },
    ),
    'has the toStringTag EventSource': {
      does: 'has it writable',
      fails: 'got {"value":"EventSource","writable":true,"enumerable":false,"configurable":true}',
    },
    'is an EventTarget called EventSource, with one required parameter': {
      does: 'does not inherit from the class EventTarget',
      fails: 'prototype of the class: expected function EventTarget, got function ',
    },
    'calls handlers and listeners with the source as `this`, and objects by their handleEvent': {
      does: 'calls handlers with the global object as `this`',
      fails: 'this of the handler: expected {}, got [object ServiceWorkerGlobalScope]',
    },
    'opens in a task of its own, after the constructor has returned and its microtasks have run': {
      does: 'dispatches within the microtasks of the constructor',
      fails: 'got ["error","microtasks"]',
    },
    'dispatches events as tasks of their own: what a handler leaves to microtasks runs before the next event': {
      does: 'dispatches the events of a chunk in one task',
      fails: 'got ["event 1","event 2","event 3","microtasks of 1"',
    },
    'calls the other listeners when one throws, and the error reaches the host’s error reporting': {
      does: 'fails for good when a listener throws',
      async run(t) {
        const served = await t.serve(stream('data: 1\n\ndata: 2\n\n'))
        const source = t.watch(served.url)
        source.source.addEventListener('message', () => {
          throw new Error(`listener ${served.token}`)
        })
        await source.next('open')
        await source.next('message')
        t.equal((await source.next('error')).readyState, 2, 'readyState in the error event')
        await t.uncaughtError(`listener ${served.token}`)
      },
    },
    ...fromEach(
      [
        'reports a refused connection as an error and stays CONNECTING',
        'reports a refused connection to another origin as an error and stays CONNECTING',
        'keeps trying while the server is away, and resumes with the last event ID when it is back',
        'keeps trying while a server of another origin is away, and resumes with the last event ID when it is back',
      ],
      { does: 'gives up on a refused connection', fails: 'expected 0, got 2' },
    ),
  },
}
