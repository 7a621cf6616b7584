import { type Deviations, native } from '../harness/conformance-case.ts'
import { fromEach, opensAtTheFirstByte, reconnectsAfter, waitsAtLeast } from '../harness/deviation-from.ts'

export const nativeFirefox: Deviations = {
  who: 'native Firefox',
  isOf: native('Firefox'),
  from: {
    'opens as soon as the headers are there, before the first byte of the body': {
      does: 'opens at the first byte of the body',
      run: opensAtTheFirstByte,
    },
    'reconnects after 1 ms on `retry: 1`: long before a source that was told nothing': {
      does: 'waits at least 500 ms, whatever `retry:` says',
      run: waitsAtLeast(500),
    },
    'dispatches nothing for a block without data, but takes its id': {
      does: 'takes no id from a block without data',
      fails: 'got [["message","after",""]]',
    },
    'sends the id of a block without data on reconnect': {
      does: 'takes no id from a block without data',
      fails: 'Last-Event-ID: expected "2", got "1"',
    },
    'resets the last event ID by an empty id in a block without data': {
      does: 'resets no id by a block without data',
      fails: 'got [["message","a","1"],["message","b","1"]]',
    },
    'keeps U+0000, U+0085, U+2028 and U+2029 in data: they end no line': {
      does: 'drops U+0000 from data',
      fails: String.raw`got [["message","ab\u0085c\u2028d\u2029e\u000bf\fg",""]]`,
    },
    'ignores an id that contains NUL': {
      does: 'loses the line after an id that contains NUL too',
      fails: 'got [["message","a","1"]]',
    },
    'waits on `retry: 4294967297` instead of reconnecting at once': {
      does: 'takes `retry: 4294967297` modulo 2³²',
      run: reconnectsAfter('retry: 4294967297\n\n'),
    },
    'does not open on Content-Type: text/event-stream foo': {
      does: 'opens on a content type with rubbish after a space',
      fails: 'next event: expected "error", got "open" at readyState 1',
    },
    ...fromEach(
      [302, 303, 307].map((status) => `reconnects to the final URL after a ${status} redirect, with the last event ID`),
      {
        does: 'reconnects to the original URL after a temporary redirect',
        fails: 'got [["/stream",undefined],["/final",undefined],["/stream","1"]]',
      },
    ),
    'reports a refused connection to another origin as an error and stays CONNECTING': {
      does: 'gives up on a refused connection to another origin',
      fails: 'readyState in the error event: expected 0, got 2',
    },
    'keeps trying while a server of another origin is away, and resumes with the last event ID when it is back': {
      does: 'gives up while a server of another origin is away',
      fails: 'readyState while the server is away: expected 0, got 2',
    },
  },
}
