import { type Deviations, native } from '../harness/conformance-case.ts'
import { fromEach, keepsWaiting, reconnectsAfter } from '../harness/deviation-from.ts'
import { stream } from '../harness/responses.ts'

export const nativeDeno: Deviations = {
  who: 'native Deno',
  isOf: native('Deno'),
  from: {
    'dispatches at CR CR without waiting for what follows, and swallows an LF that does': {
      does: 'waits after CR CR for what follows',
      async run(t) {
        const served = await t.serve(stream('data: a\r\r', { wait: 'asked' }, '\n'))
        const source = t.watch(served.url)
        await source.next('open')
        await t.whileAnotherReconnects(1)
        t.deepEqual(source.types(), ['open'], 'events after CR CR')
        await served.signal('asked')
        await source.next('message')
      },
    },
    ...Object.fromEntries(
      ['+600000', '6e5', '600000 ', ' 600000', '0x927c0', '600000.0'].map((value) => [
        `ignores \`retry: ${value}\`: ASCII digits only`,
        { does: 'takes it as a number', run: keepsWaiting(`retry: 1\n\nretry: ${value}\n\n`) },
      ]),
    ),
    ...Object.fromEntries(
      ['2147483648', '4294967297', '9999999999999999'].map((value) => [
        `waits on \`retry: ${value}\` instead of reconnecting at once`,
        { does: 'reconnects at once, its timer overflowing', run: reconnectsAfter(`retry: ${value}\n\n`) },
      ]),
    ),
    'asks caches on the way for a fresh response: Cache-Control: no-cache': {
      does: 'asks nothing of caches',
      fails: 'Cache-Control: expected "no-cache", got undefined',
    },
    ...fromEach(
      ['x-unknown:nothing', 'ftp://127.0.0.1/stream', 'mailto:nobody@example.com'].map(
        (url) => `fails for good on the URL ${url}, by an event and not by throwing`,
      ),
      { does: 'keeps trying', fails: 'readyState in the error event: expected 2, got 0' },
    ),
    ...fromEach(
      [
        'text/event-streams',
        'text/event-stream, text/html',
        'text/event-stream+xml',
        'x-text/event-stream',
        'text/event-stream foo',
        'text/html; x="a, text/event-stream"',
      ].map((type) => `does not open on Content-Type: ${type}`),
      {
        does: 'opens on any content type that contains text/event-stream',
        fails: 'next event: expected "error", got "open" at readyState 1',
      },
    ),
    'takes the last of several Content-Type headers': {
      does: 'takes the first of several Content-Type headers',
      fails: 'next event: expected "open", got "error" at readyState 2',
    },
    ...fromEach(
      [301, 302, 303, 307, 308].map(
        (status) => `reconnects to the final URL after a ${status} redirect, with the last event ID`,
      ),
      {
        does: 'reconnects to the original URL after any redirect',
        fails: 'got [["/stream",undefined],["/final",undefined],["/stream","1"]]',
      },
    ),
    ...fromEach(['gives events the origin of the final URL after a redirect', 'gives events the origin of the URL'], {
      does: 'gives events the whole URL as their origin',
      fails: '/s/',
    }),
    ...fromEach(
      ['CONNECTING = 0', 'OPEN = 1', 'CLOSED = 2'].map(
        (constant) => `has the constant ${constant} on class and prototype, enumerable and read-only`,
      ),
      { does: 'does not have it enumerable on the class', fails: '"enumerable":false,"configurable":false}' },
    ),
    ...fromEach(
      ['url', 'withCredentials', 'readyState'].map(
        (name) => `has ${name} as an enumerable, configurable accessor of the prototype, read-only`,
      ),
      { does: 'does not have it enumerable', fails: 'got {"enumerable":false,"configurable":true}' },
    ),
    'has close() as an enumerable, writable method of the prototype without parameters': {
      does: 'does not have it enumerable',
      fails: 'got {"writable":true,"enumerable":false,"configurable":true}',
    },
    'has the toStringTag EventSource': {
      does: 'calls itself an EventTarget',
      fails: 'String(source): expected "[object EventSource]", got "[object EventTarget]"',
    },
    'throws a TypeError when an accessor or close() is used on something else': {
      does: 'lets a handler attribute be read of any object',
      fails: 'onmessage of {} throws: expected "TypeError", got "nothing"',
    },
    'keeps the place of a handler among the listeners when it is replaced, and gives a new place after null': {
      does: 'gives a handler its old place after null',
      fails: 'got ["first listener","handler","second listener"]',
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
      does: 'dispatches an untrusted open',
      fails: 'got [false,true]',
    },
  },
}
