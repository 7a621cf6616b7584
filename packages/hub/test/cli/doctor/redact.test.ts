import { expect, test } from 'vitest'
import { createRedactor } from '../../../src/cli/doctor/redact.ts'

test.each([
  ['http://user:pass%20word@host/', 'pass word and pass%20word', '… and …'],
  [
    'http://host/?access_token=abcdef&topic=news',
    'http://host/?access_token=abcdef&topic=news',
    'http://host/?access_token=…&topic=news',
  ],
  ['http://host/?key=a%2Fb%2Fc', 'a/b/c or a%2Fb%2Fc', '… or …'],
  // What a server makes itself.
  ['http://host/', 'to https://other/?authorization=zzz#x', 'to https://other/?authorization=…#x'],
  ['http://host/', '(https://other/?jwt=zzz.y), and', '(https://other/?jwt=…), and'],
  ['http://host/', 'to https://user:geheim@other/', 'to https://…@other/'],
  ['http://host/', 'a\x1b[31mb\u202ec', 'a [31mb c'],
])('of %s, shows %j as %j', (url, text, shown) => {
  expect(createRedactor([url], {})(text)).toBe(shown)
})

test('takes no part of a word for a short secret', () => {
  const redact = createRedactor([], { authorization: 'Bearer pub', 'x-api-key': 'a.b' })
  expect(redact('published with pub: axb, a.b')).toBe('published with …: axb, …')
})

test('removes the values of headers, whole and in part, but not those that say nothing of who asks', () => {
  const redact = createRedactor([], {
    authorization: 'Bearer abc.def',
    cookie: 'session=s3cret; theme=dark',
    'x-api-key': 'k-123',
    accept: 'text/event-stream',
    'content-type': 'application/json',
  })
  expect(redact('Bearer abc.def|abc.def|s3cret|k-123|text/event-stream|application/json|Bearer')).toBe(
    '…|…|…|…|text/event-stream|application/json|Bearer',
  )
})
