import { describe, expect, test } from 'vitest'
import { Topic } from '../../src/matching/topic.ts'
import { UrlPattern } from '../../src/matching/url-pattern.ts'

const hub = 'https://hub.example/.well-known/mercure'

function matches(pattern: string, topic: string, base = hub): boolean {
  return new UrlPattern(pattern, base).matches(new Topic(topic))
}

describe('the examples of the protocol', () => {
  test.each([
    ['https://ex.com/books/:id', 'https://ex.com/books/1'],
    ['https://ex.com/books/:id', 'https://EX.com/books/1'],
    ['https://ex.com/*', 'https://ex.com/a/b/c'],
    ['/.well-known/mercure/subscriptions/exact/:m/:s', '/.well-known/mercure/subscriptions/exact/a/urn%3Auuid%3A1'],
  ])('%s matches %s', (pattern, topic) => {
    expect(matches(pattern, topic)).toBe(true)
  })

  test.each([
    ['https://ex.com/books/:id', 'https://ex.com/BOOKS/1'],
    ['https://ex.com/books/:id', 'https://ex.com/books/1/x'],
  ])('%s does not match %s', (pattern, topic) => {
    expect(matches(pattern, topic)).toBe(false)
  })
})

describe('what a pattern and a topic are relative to', () => {
  test('a relative pattern and a relative topic are resolved against the URL of the hub', () => {
    expect(matches('/books/:id', 'https://hub.example/books/1')).toBe(true)
    expect(matches('https://hub.example/books/:id', '/books/1')).toBe(true)
    expect(matches('/books/:id', '/books/1')).toBe(true)
    expect(matches('/books/:id', 'https://ex.com/books/1')).toBe(false)
  })

  test('a pattern without a leading slash is relative to the folder of the hub', () => {
    expect(matches('books/:id', 'books/1')).toBe(true)
    expect(matches('books/:id', '/.well-known/books/1')).toBe(true)
    expect(matches('books/:id', '/books/1')).toBe(false)
  })

  test('a pattern that begins with a search or a hash has the path of the hub', () => {
    expect(matches('?topic=:t', '/.well-known/mercure?topic=a')).toBe(true)
    expect(matches('?topic=:t', '/?topic=a')).toBe(false)
    expect(matches('#:f', '/.well-known/mercure#a')).toBe(true)
  })

  test('what the URL of the hub has in common with the syntax of patterns is fixed text', () => {
    const base = 'https://hub.example/a(b)*/{c}/:d?e+'
    expect(matches('#x', '#x', base)).toBe(true)
    expect(matches('x', 'x', base)).toBe(true)
  })

  test('a topic that is no URL reference matches no pattern, not even one of all URLs', () => {
    expect(matches('*://*:*/*', 'https://ex.com/')).toBe(true)
    for (const topic of ['https://', 'https://a b/', 'https://ex.com:99999/', 'http://[::1']) {
      expect(matches('*://*:*/*', topic), topic).toBe(false)
    }
  })

  test('a hub whose URL is none is an error of the operator', () => {
    expect(() => new UrlPattern('/a', 'hub')).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })
})

describe('what of a URL has to be the same', () => {
  test('only the host is compared without regard to case', () => {
    expect(matches('https://EX.com/a', 'HTTPS://ex.COM/a')).toBe(true)
    expect(matches('https://ex.com/a', 'https://ex.com/A')).toBe(false)
    expect(matches('https://ex.com/?a', 'https://ex.com/?A')).toBe(false)
    expect(matches('https://ex.com/#a', 'https://ex.com/#A')).toBe(false)
  })

  test('the port is that of the protocol unless the pattern gives one', () => {
    expect(matches('https://ex.com/*', 'https://ex.com:443/a')).toBe(true)
    expect(matches('https://ex.com:443/*', 'https://ex.com/a')).toBe(true)
    expect(matches('https://ex.com/*', 'https://ex.com:8443/a')).toBe(false)
    expect(matches('https://ex.com:*/*', 'https://ex.com:8443/a')).toBe(true)
    expect(matches('http://ex.com:443/*', 'http://ex.com:443/a')).toBe(true)
  })

  test('search and hash may be anything unless the pattern gives them, and then what comes before is as it says', () => {
    expect(matches('https://ex.com/a', 'https://ex.com/a?q#h')).toBe(true)
    expect(matches('https://ex.com/a?q', 'https://ex.com/a?q#h')).toBe(true)
    expect(matches('https://ex.com/a?q', 'https://ex.com/a')).toBe(false)
    expect(matches('https://ex.com/a#h', 'https://ex.com/a?q#h')).toBe(false)
    expect(matches('https://ex.com?q', 'https://ex.com/?q')).toBe(true)
    expect(matches('https://ex.com', 'https://ex.com/a/b?q')).toBe(true)
  })

  test('user and password may be anything unless the pattern gives them', () => {
    expect(matches('https://ex.com/', 'https://me:secret@ex.com/')).toBe(true)
    expect(matches('https://me@ex.com/', 'https://me:secret@ex.com/')).toBe(true)
    expect(matches('https://you@ex.com/', 'https://me:secret@ex.com/')).toBe(false)
  })

  test('fixed text compares as a URL has it: percent-encoded, in punycode, without dot segments', () => {
    expect(matches('https://ex.com/é ü', 'https://ex.com/%C3%A9%20%C3%BC')).toBe(true)
    expect(matches('https://ex.com/%C3%A9', 'https://ex.com/é')).toBe(true)
    expect(matches('https://é.com/', 'https://xn--9ca.com/')).toBe(true)
    expect(matches('https://ex.com/a/../b/:id', 'https://ex.com/b/1')).toBe(true)
    expect(matches('https://ex.com/b/:id', 'https://ex.com/a/../b/1')).toBe(true)
  })

  test('an escape of a letter that needs none stays one', () => {
    expect(matches('https://ex.com/a', 'https://ex.com/%61')).toBe(false)
  })

  test('a URL whose path is not a hierarchy is matched as one piece', () => {
    expect(matches('urn\\:book\\:*', 'urn:book:a/b')).toBe(false)
    expect(matches('urn:/book/:id', 'urn:/book/a')).toBe(true)
    expect(matches('*:/book/:id', 'urn:/book/a')).toBe(true)
  })
})

describe('the syntax of patterns', () => {
  test('a named group is one segment of a path, or of a host, and never empty', () => {
    expect(matches('https://ex.com/:a/b', 'https://ex.com/x/b')).toBe(true)
    expect(matches('https://ex.com/:a/b', 'https://ex.com//b')).toBe(false)
    expect(matches('https://:sub.ex.com/', 'https://a.ex.com/')).toBe(true)
    expect(matches('https://:sub.ex.com/', 'https://a.b.ex.com/')).toBe(false)
    expect(matches('https://ex.com/?a=:x', 'https://ex.com/?a=b/c.d')).toBe(true)
  })

  test('a star is anything, even nothing', () => {
    expect(matches('https://ex.com/a/*', 'https://ex.com/a/')).toBe(true)
    expect(matches('https://ex.com/a*', 'https://ex.com/a')).toBe(true)
    expect(matches('https://*.ex.com/', 'https://a.b.ex.com/')).toBe(true)
    expect(matches('https://*.ex.com/', 'https://ex.com/')).toBe(false)
    expect(matches('http{s}?://*/a', 'http://x/a')).toBe(true)
  })

  test('a group takes the slash before it along when it is optional or repeats', () => {
    expect(matches('https://ex.com/a/:b?', 'https://ex.com/a')).toBe(true)
    expect(matches('https://ex.com/a/:b?', 'https://ex.com/a/b')).toBe(true)
    expect(matches('https://ex.com/a/:b?', 'https://ex.com/a/')).toBe(false)
    expect(matches('https://ex.com/a/:b+', 'https://ex.com/a/b/c/d')).toBe(true)
    expect(matches('https://ex.com/a/:b+', 'https://ex.com/a')).toBe(false)
    expect(matches('https://ex.com/a/:b*', 'https://ex.com/a')).toBe(true)
    expect(matches('https://ex.com/a/:b*/c', 'https://ex.com/a/b/b/c')).toBe(true)
    expect(matches('https://ex.com/a/:b*/c', 'https://ex.com/a//c')).toBe(false)
  })

  test('braces group fixed text, alone or around a group', () => {
    expect(matches('https://ex.com/a{bc}?d', 'https://ex.com/ad')).toBe(true)
    expect(matches('https://ex.com/a{bc}?d', 'https://ex.com/abd')).toBe(false)
    expect(matches('https://ex.com/{:a-}*z', 'https://ex.com/x-y-z')).toBe(true)
    expect(matches('https://ex.com/{:a-}*z', 'https://ex.com/z')).toBe(true)
    expect(matches('https://{*.}?ex.com/', 'https://ex.com/')).toBe(true)
    expect(matches('https://{*.}?ex.com/', 'https://a.b.ex.com/')).toBe(true)
    expect(matches('https://{*.}?ex.com/', 'https://notex.com/')).toBe(false)
  })

  test('a backslash takes its meaning from a character', () => {
    expect(matches('https://ex.com/\\:id', 'https://ex.com/:id')).toBe(true)
    expect(matches('https://ex.com/\\:id', 'https://ex.com/1')).toBe(false)
    expect(matches('https://ex.com/\\*', 'https://ex.com/a')).toBe(false)
    expect(matches('https://[\\:\\:1]/', 'https://[::1]/')).toBe(true)
  })

  test.each([
    ['(\\d+)', ['1', '42'], ['', 'a', '1a']],
    ['([a-z]+)', ['abc'], ['aBc', '1']],
    ['(a|b)', ['a', 'b'], ['c', 'ab']],
    ['(books|authors)', ['books', 'authors'], ['book', 'booksauthors']],
    ['(a{2,3})', ['aa', 'aaa'], ['a', 'aaaa']],
    ['(a{2})', ['aa'], ['a', 'aaa']],
    ['(a{2,})', ['aa', 'aaaaa'], ['a']],
    ['((?:ab)+?c??)', ['ab', 'ababc'], ['', 'aba']],
    ['([^\\/]+)', ['a.b'], ['a/b']],
    ['([\\w\\-.]+)', ['a-b_c.d'], ['a+b']],
    ['(\\D\\S\\W)', ['ab-'], ['1b-', 'abc']],
    ['(.*)', ['', 'a/b'], []],
    ['((?:a|)(?:b|c)*)', ['', 'a', 'abcb'], ['aa']],
    ['([])', [], ['', 'a']],
    ['([^])', ['a'], ['', 'ab']],
  ])('the group %s matches what it does in a regular expression', (group, matching, others) => {
    for (const text of matching)
      expect(matches(`https://ex.com/x/{y${group}}`, `https://ex.com/x/y${text}`), text).toBe(true)
    for (const text of others)
      expect(matches(`https://ex.com/x/{y${group}}`, `https://ex.com/x/y${text}`), text).toBe(false)
  })

  test('a named group may have a regular expression of its own', () => {
    expect(matches('https://ex.com/:year(\\d{4})/:month(\\d\\d)', 'https://ex.com/2026/09')).toBe(true)
    expect(matches('https://ex.com/:year(\\d{4})/:month(\\d\\d)', 'https://ex.com/2026/9')).toBe(false)
  })
})

describe('a pattern that is refused', () => {
  test.each([
    ['/{a', 'has a "{" whose "}" is missing'],
    ['/a}', 'has a "}" in a place where it has no meaning'],
    ['/a?b+', 'has a "+" in a place where it has no meaning'],
    ['/{:a:b}', 'with more than one group in it'],
    ['/:a/:a', 'has two groups named a'],
    ['https://ex.com/a:1', 'has a ":" without a name'],
    ['/\\', 'ends with a lone backslash'],
    ['/(a', 'has a "(" that does not begin a valid group'],
    ['/()', 'has a "(" that does not begin a valid group'],
    ['/(é)', 'has a "(" that does not begin a valid group'],
    ['/((a))', 'has a "(" that does not begin a valid group'],
    ['https://ex.com:99999/', 'port has "99999", which no URL has there'],
    ['https://ex.com:{port}/', 'port has "port"'],
    ['https://a b/', 'hostname has "a b"'],
    ['https://[\\:\\:g]/', 'hostname has "[::g]"'],
    ['1{}://ex.com/', 'protocol has "1"'],
  ])('%s says what is wrong with it', (pattern, message) => {
    expect(() => new UrlPattern(pattern, hub)).toThrow(
      expect.objectContaining({ code: 'INVALID_MATCHER', message: expect.stringContaining(message) }),
    )
  })

  test.each([
    ['(^a)', 'has a "^"'],
    ['(a$)', 'has a "$"'],
    ['((?=a))', 'has a "(?" that is not "(?:"'],
    ['((?<=a)b)', 'has a "(?" that is not "(?:"'],
    ['((?<n>a))', 'has a "(?" that is not "(?:"'],
    ['((?:a)', undefined],
    ['(\\ba)', 'has a "\\b"'],
    ['(\\1)', 'has a "\\1"'],
    ['(\\p{L})', 'has a "\\p"'],
    ['(\\-)', 'has a "\\-"'],
    ['(a**)', 'has a "*" without anything before it'],
    ['(a{2)', 'has a "{" without anything before it'],
    ['(a{3,2})', 'repeats from 3 down to 2 times'],
    ['([b-a])', 'has a range that does not go upwards'],
    ['([\\d-z])', 'has a range that does not go upwards'],
    ['([a-])', 'has a "]" in a class'],
    ['([a&&b])', 'has a "&&" in a class'],
    ['([a--b])', 'has a "-" in a class'],
    ['([[a]b])', 'has a "[" in a class'],
    ['([a)', 'ends too early'],
  ])('a group %s that is outside of what can be matched in linear time', (group, message) => {
    expect(() => new UrlPattern(`/x${group}`, hub)).toThrow(
      expect.objectContaining({
        code: 'INVALID_MATCHER',
        message: expect.stringContaining(message ?? 'does not begin a valid group'),
      }),
    )
  })

  test('nothing of what a compiler of regular expressions would say is in the message', () => {
    expect(() => new UrlPattern('/(a**)', hub)).toThrow(expect.not.stringMatching(/Invalid regular expression/))
  })
})

describe('the key', () => {
  test('patterns that say the same in other words have the same', () => {
    const key = new UrlPattern('https://ex.com/books/:id', hub).key
    for (const same of [
      'https://EX.com:443/books/:name',
      'https://ex.com/{books}/:id',
      'https://ex.com/b\\ooks/:id',
      'https://ex.com/books/:id([^\\/]+)',
    ]) {
      expect(new UrlPattern(same, hub).key, same).toBe(key)
    }
    expect(new UrlPattern('/books/:id', 'https://ex.com/hub').key).not.toBe(key)
  })

  test('patterns that differ in any component differ', () => {
    const patterns = [
      'https://a.b/c',
      'http://a.b/c',
      'https://*.b/c',
      'https://a.b:8/c',
      'https://a.b/:c',
      'https://a.b/c?',
      'https://a.b/c#',
    ]
    expect(new Set(patterns.map((pattern) => new UrlPattern(pattern, hub).key)).size).toBe(patterns.length)
  })
})
