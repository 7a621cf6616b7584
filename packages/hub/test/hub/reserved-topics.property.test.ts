import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hubPath } from '../../src/base/hub-path.ts'
import { ReservedTopics } from '../../src/hub/reserved-topics.ts'

/** What it means, in the words of the URL standard and without any regard to time. */
function resolvesToTheHub(topic: string, hubPath: string): boolean {
  return [`https://hub.invalid${hubPath}`, `http://hub.invalid${hubPath}`].some((base) => {
    if (!URL.canParse(topic, base)) return false
    let path = new URL(topic, base).pathname
    for (const letter of 'mercuewlknonapihb') {
      const triplet = `%${letter.charCodeAt(0).toString(16)}`
      path = path.replaceAll(triplet, letter).replaceAll(triplet.toUpperCase(), letter)
    }
    path = path.replaceAll(/%2[ed]/gi, (triplet) => (triplet[2]!.toLowerCase() === 'e' ? '.' : '-'))
    return path === hubPath || path.startsWith(`${hubPath}/`)
  })
}

const piece = fc.constantFrom(
  ...[
    '/',
    '//',
    '\\',
    '.',
    '..',
    '?',
    '#',
    ':',
    '@',
    '%6d',
    '%4D',
    '%',
    '\t',
    '\n',
    ' ',
    'a',
    'Z9',
    '[',
    ']',
    '\ud83d\ude00',
    'é',
  ],
  ...['https:', 'http:', 'HTTPS:', 'urn:', 'file:', 'mercure', 'MERCURE', 'ercure', 'm', '.well-known', 'hub.invalid'],
  ...[hubPath, `${hubPath}/subscriptions`, 'https://hub.invalid', 'https://x/.well-known/'],
)

test.each([hubPath, '/api/hub', '/hub', '/a.b/c-d'])(
  'a topic is reserved when it resolves to the hub at %s or below it, however it is written',
  (path) => {
    const reserved = new ReservedTopics(path)
    const own = fc.constantFrom(
      path,
      `${path}/x`,
      path.split('/').at(-1)!,
      path.slice(1),
      path.replace('/', '/%61/../'),
    )
    const topics = fc.array(fc.oneof(piece, own), { maxLength: 8 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(topics, (topic) => {
        const isReserved = resolvesToTheHub(topic, hubPath) || resolvesToTheHub(topic, path)
        expect(reserved.has(topic)).toBe(isReserved)
      }),
      { numRuns: 10_000 },
    )
  },
)
