import { type Deviations, native } from '../harness/conformance-case.ts'
import { fromEach, waitsThreeSecondsAfter } from '../harness/deviation-from.ts'

export const nativeChromium: Deviations = {
  who: 'native Chromium',
  isOf: native('Chromium'),
  from: {
    ...fromEach(
      ['reads UTF-8 whatever charset the content type names', 'opens on Content-Type: text/event-stream;charset=x'],
      {
        does: 'fails for good when the content type names a charset other than utf-8',
        fails: 'next event: expected "open", got "error" at readyState 2',
      },
    ),
    'ignores an empty `retry:`: the delay stays as it was': {
      does: 'takes it as the default of three seconds again',
      run: waitsThreeSecondsAfter('retry: 1\n\nretry:\n\n'),
    },
    'does not open on Content-Type: text/event-stream foo': {
      does: 'opens on a content type with rubbish after a space',
      fails: 'next event: expected "error", got "open" at readyState 1',
    },
  },
}
