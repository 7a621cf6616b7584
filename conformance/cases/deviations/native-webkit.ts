import { type Deviations, native } from '../harness/conformance-case.ts'
import { fromEach, keepsWaiting, waitsThreeSecondsAfter } from '../harness/deviation-from.ts'

/** As WebKitGTK has it; what depends on the network library may differ in Safari. */
export const nativeWebKit: Deviations = {
  who: 'native WebKit',
  isOf: native('WebKit'),
  from: {
    'drops a leading byte order mark whose bytes arrive one by one': {
      does: 'takes a byte order mark whose bytes arrive one by one as part of the first field name',
      fails: 'events: expected [["message","a",""]], got []',
    },
    'sends the id of a block without data on reconnect': {
      does: 'keeps the id of a block without data for the next event, but does not send it',
      fails: 'Last-Event-ID: expected "2", got "1"',
    },
    'ignores an empty `retry:`: the delay stays as it was': {
      does: 'takes it as the default of three seconds again',
      run: waitsThreeSecondsAfter('retry: 1\n\nretry:\n\n'),
    },
    ...Object.fromEntries(
      ['+600000', '600000 ', ' 600000'].map((value) => [
        `ignores \`retry: ${value}\`: ASCII digits only`,
        { does: 'takes it as a number', run: keepsWaiting(`retry: 1\n\nretry: ${value}\n\n`) },
      ]),
    ),
    'opens on Content-Type: text/html, text/event-stream': {
      does: 'takes the first of several content types in one header',
      fails: 'next event: expected "open", got "error" at readyState 2',
    },
    'does not open on Content-Type: text/event-stream, text/html': {
      does: 'takes the first of several content types in one header',
      fails: 'next event: expected "error", got "open" at readyState 1',
    },
    'does not open on Content-Type: text/event-stream foo': {
      does: 'opens on a content type with rubbish after a space',
      fails: 'next event: expected "error", got "open" at readyState 1',
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
  },
}
