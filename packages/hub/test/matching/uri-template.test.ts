import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { HubError } from '../../src/base/errors.ts'
import { Topic } from '../../src/matching/topic.ts'
import { UriTemplate } from '../../src/matching/uri-template.ts'

function matches(template: string, topic: string): boolean {
  const parsed = UriTemplate.parse(template)
  if (!parsed) throw new Error(`${template} is no template`)
  return parsed.matches(new Topic(topic))
}

function isTooLarge(template: string): boolean {
  try {
    matches(template, '')
    return false
  } catch (error) {
    if (error instanceof HubError && error.code === 'INVALID_MATCHER') return true
    throw error
  }
}

describe('the examples of the protocol', () => {
  test.each([
    ['https://ex.com/{a}/bar', 'https://ex.com/foo/bar', true],
    ['https://ex.com/{a}/bar', 'https://ex.com/foo/bar/baz', false],
    [
      'https://shop.example/users/42/{?topic}',
      'https://shop.example/users/42/?topic=https%3A%2F%2Fshop.example%2Fbooks%2F1',
      true,
    ],
    ['https://shop.example/users/42/{?topic}', 'https://shop.example/users/42/', true],
    ['https://shop.example/users/42/{?topic}', 'https://shop.example/users/43/?topic=a', false],
  ])('%s and the topic %s: %s', (template, topic, expected) => {
    expect(matches(template, topic)).toBe(expected)
  })

  test('{invalid is no template', () => {
    expect(UriTemplate.parse('{invalid')).toBeUndefined()
  })
})

/** The values of the examples in RFC 6570: texts, one empty; a list; an array of names and values; one undefined. */
const values = {
  var: 'value',
  hello: 'Hello World!',
  path: '/foo/bar',
  empty: '',
  half: '50%',
  x: '1024',
  y: '768',
  who: 'fred',
  base: 'http://example.com/home/',
  v: '6',
  list: ['red', 'green', 'blue'],
  keys: { semi: ';', dot: '.', comma: ',' },
} as const

describe('matches what it expands to', () => {
  test.each([
    ['{var}', 'value'],
    ['{hello}', 'Hello%20World%21'],
    ['{half}', '50%25'],
    ['O{empty}X', 'OX'],
    ['O{undef}X', 'OX'],
    ['{x,y}', '1024,768'],
    ['{x,hello,y}', '1024,Hello%20World%21,768'],
    ['?{x,empty}', '?1024,'],
    ['?{x,undef}', '?1024'],
    ['?{undef,y}', '?768'],
    ['{var:3}', 'val'],
    ['{var:30}', 'value'],
    ['{list}', 'red,green,blue'],
    ['{list*}', 'red,green,blue'],
    ['{keys}', 'semi,%3B,dot,.,comma,%2C'],
    ['{keys*}', 'semi=%3B,dot=.,comma=%2C'],
    ['{+var}', 'value'],
    ['{+hello}', 'Hello%20World!'],
    ['{+half}', '50%25'],
    ['{base}index', 'http%3A%2F%2Fexample.com%2Fhome%2Findex'],
    ['{+base}index', 'http://example.com/home/index'],
    ['{+path}/here', '/foo/bar/here'],
    ['here?ref={+path}', 'here?ref=/foo/bar'],
    ['up{+path}{var}/here', 'up/foo/barvalue/here'],
    ['{+x,hello,y}', '1024,Hello%20World!,768'],
    ['{+path,x}/here', '/foo/bar,1024/here'],
    ['{+path:6}/here', '/foo/b/here'],
    ['{+list}', 'red,green,blue'],
    ['{+keys}', 'semi,;,dot,.,comma,,'],
    ['{+keys*}', 'semi=;,dot=.,comma=,'],
    ['{#var}', '#value'],
    ['{#hello}', '#Hello%20World!'],
    ['foo{#empty}', 'foo#'],
    ['foo{#undef}', 'foo'],
    ['{#x,hello,y}', '#1024,Hello%20World!,768'],
    ['{#path:6}here', '#/foo/bhere'],
    ['{#list*}', '#red,green,blue'],
    ['{.who}', '.fred'],
    ['{.half,who}', '.50%25.fred'],
    ['www{.var}', 'www.value'],
    ['X{.empty}', 'X.'],
    ['X{.undef}', 'X'],
    ['X{.list}', 'X.red,green,blue'],
    ['X{.list*}', 'X.red.green.blue'],
    ['X{.keys*}', 'X.semi=%3B.dot=..comma=%2C'],
    ['{/who,who}', '/fred/fred'],
    ['{/half,who}', '/50%25/fred'],
    ['{/var,empty}', '/value/'],
    ['{/var,undef}', '/value'],
    ['{/var,x}/here', '/value/1024/here'],
    ['{/var:1,var}', '/v/value'],
    ['{/list}', '/red,green,blue'],
    ['{/list*}', '/red/green/blue'],
    ['{/list*,path:4}', '/red/green/blue/%2Ffoo'],
    ['{/keys*}', '/semi=%3B/dot=./comma=%2C'],
    ['{;who}', ';who=fred'],
    ['{;half}', ';half=50%25'],
    ['{;empty}', ';empty'],
    ['{;v,empty,who}', ';v=6;empty;who=fred'],
    ['{;v,bar,who}', ';v=6;who=fred'],
    ['{;x,y,undef}', ';x=1024;y=768'],
    ['{;hello:5}', ';hello=Hello'],
    ['{;list}', ';list=red,green,blue'],
    ['{;list*}', ';list=red;list=green;list=blue'],
    ['{;keys}', ';keys=semi,%3B,dot,.,comma,%2C'],
    ['{;keys*}', ';semi=%3B;dot=.;comma=%2C'],
    ['{?who}', '?who=fred'],
    ['{?x,y,empty}', '?x=1024&y=768&empty='],
    ['{?x,y,undef}', '?x=1024&y=768'],
    ['{?undef,y}', '?y=768'],
    ['{?var:3}', '?var=val'],
    ['{?list}', '?list=red,green,blue'],
    ['{?list*}', '?list=red&list=green&list=blue'],
    ['{?keys*}', '?semi=%3B&dot=.&comma=%2C'],
    ['?fixed=yes{&x}', '?fixed=yes&x=1024'],
    ['{&x,y,empty}', '&x=1024&y=768&empty='],
    ['{&list*}', '&list=red&list=green&list=blue'],
    ['{&keys*}', '&semi=%3B&dot=.&comma=%2C'],
  ])('%s matches %s', (template, expansion) => {
    expect(matches(template, expansion)).toBe(true)
    expect(expand(template, values)).toBe(expansion)
  })

  test('whatever the values are', () => {
    fc.assert(
      fc.property(templates, assignments, (template, values) => {
        // The parts of a few templates have more choices than a matcher may have.
        fc.pre(!isTooLarge(template))
        expect(matches(template, expand(template, values)), template).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })
})

describe('does not match what it cannot expand to', () => {
  test.each([
    ['{x}', 'a/b'],
    ['{x}', 'a:b'],
    ['{x}', 'a?b'],
    ['{x}', '%zz'],
    ['{x}', '50%'],
    ['{x}', 'é'],
    ['{+x}', 'a b'],
    ['{+x}', 'a{b}'],
    ['a{x}', 'b'],
    ['{x}a', 'b'],
    ['a{/x}', 'ab'],
    ['a{/x}', 'a/b/c'],
    ['a{/x,y}', 'a/b/c/d'],
    ['a{?x,y}', 'a?y=1&x=2'],
    ['a{?x,y}', 'a?x=1?y=2'],
    ['a{?x,y}', 'a&x=1'],
    ['a{?x,y}', 'a?'],
    ['a{?x}', 'a?x'],
    ['a{;x}', 'a;x='],
    ['a{;x}', 'a;xy'],
    ['{x:3}', 'four'],
    ['{x:2}', '%C3%A9%C3%A8%C3%AA'],
    ['{x*}', 'a=b,c'],
    ['{.x}', 'a'],
    ['%41{x}', 'Ab'],
    ['%c3{x}', '%C3'],
  ])('%s and %s', (template, topic) => {
    expect(matches(template, topic)).toBe(false)
  })

  test('a limited value counts characters, not the octets they are encoded as', () => {
    expect(matches('{x:2}', '%C3%A9%E4%B8%80')).toBe(true)
    expect(matches('{x:2}', 'a%F0%9F%98%80')).toBe(true)
    expect(matches('{x:2}', 'ab%F0%9F%98%80')).toBe(false)
  })
})

test('matches exactly what a regular expression made from the table of the RFC does', () => {
  fc.assert(
    fc.property(shortTemplates, fc.array(nearTopics, { minLength: 6, maxLength: 6 }), (template, topics) => {
      const reference = toRegExp(template)
      for (const topic of topics) expect(matches(template, topic), `${template} ${topic}`).toBe(reference.test(topic))
    }),
    { numRuns: 2000 },
  )
})

describe('literal text', () => {
  test('beyond ASCII matches as it is, and as the RFC has it encoded', () => {
    expect(matches('https://ex.com/é/{x}', 'https://ex.com/é/1')).toBe(true)
    expect(matches('https://ex.com/é/{x}', 'https://ex.com/%C3%A9/1')).toBe(true)
    expect(matches('https://ex.com/é/{x}', 'https://ex.com/e/1')).toBe(false)
    expect(matches('{x}😀', 'a😀')).toBe(true)
    expect(matches('{x}😀', 'a😁')).toBe(false)
  })

  test('no character of a topic is taken for an octet of a percent-triplet', () => {
    // The second half of each surrogate pair is one of the code units that stand for triplets while they are matched.
    for (const astral of ['\u{10000}', '\u{10141}', '\u{103ff}']) {
      expect(matches('{x}', astral)).toBe(false)
      expect(matches('{+x}', `a${astral}`)).toBe(false)
    }
  })
})

describe('what is no template', () => {
  test.each([
    'a',
    'https://ex.com/a',
    '',
    '{',
    '}',
    '{}',
    'a{b',
    'a}b',
    '{a}{',
    '{{a}}',
    '{a b}',
    '{a,}',
    '{,a}',
    '{a:0}',
    '{a:10000}',
    '{a:}',
    '{a*:3}',
    '{a.}',
    '{.}',
    '{=a}',
    '{!a}',
    '{@a}',
    '{|a}',
    '{,a}',
    '{a-b}',
    '{%zz}',
    '{é}',
    'a b{c}',
    'a"{c}',
    'a<{c}',
    '%{c}',
    '%4{c}',
    'a^{c}',
    'a|{c}',
    'a\\{c}',
    'a`{c}',
  ])('%j', (template) => {
    expect(UriTemplate.parse(template)).toBeUndefined()
  })

  test.each(['{a}', '{a.b_c}', '{%41}', '{a:9999}{b}', "it's{a}", '~!$&;=?@[]{a}'])('%j is one', (template) => {
    if (template.includes('9999')) expect(() => UriTemplate.parse(template)).toThrow(/more than 1024 characters/)
    else expect(UriTemplate.parse(template)).toBeDefined()
  })
})

// A plain expansion, the algorithm of RFC 6570, 3.2.1, to compare with.

type Value = string | readonly string[] | Readonly<Record<string, string>> | undefined

function expand(template: string, values: Readonly<Record<string, Value>>): string {
  return template.replace(/\{([+#./;?&]?)([^}]*)\}/g, (_, sign: string, list: string) => {
    const separator = { '': ',', '+': ',', '#': ',', '?': '&' }[sign] ?? sign
    const first = { '': '', '+': '' }[sign] ?? sign
    const isNamed = ';?&'.includes(sign) && sign !== ''
    const encode = sign === '+' || sign === '#' ? encodeReserved : encodeAll
    const name = (key: string, value: string): string =>
      value === '' ? key + (sign === ';' ? '' : '=') : `${key}=${value}`
    const expansions = list.split(',').flatMap((spec) => {
      const [, key = '', limit, star] = /^(.*?)(?::(\d+)|(\*))?$/.exec(spec)!
      const value = values[key]
      if (value === undefined || (typeof value === 'object' && Object.keys(value).length === 0)) return []
      if (typeof value === 'string') {
        const text = encode([...value].slice(0, limit === undefined ? undefined : Number(limit)).join(''))
        return [isNamed ? name(key, text) : text]
      }
      if (star) {
        if (Array.isArray(value)) return value.map((item: string) => (isNamed ? name(key, encode(item)) : encode(item)))
        return Object.entries(value).map(([k, v]) =>
          isNamed ? name(encode(k), encode(v)) : `${encode(k)}=${encode(v)}`,
        )
      }
      const items: readonly string[] = Array.isArray(value) ? value : Object.entries(value).flat()
      const joined = items.map(encode).join(',')
      return [isNamed ? name(key, joined) : joined]
    })
    return expansions.length === 0 ? '' : first + expansions.join(separator)
  })
}

/** The same the other way round, by brute force: each variable there or not, in all combinations. */
function toRegExp(template: string): RegExp {
  const source = template
    .split(/(\{[^}]*\})/)
    .map((part) => (part.startsWith('{') ? expressionRegExp(part) : part.replace(/[?.]/g, '\\$&')))
  return new RegExp(`^${source.join('')}$`)
}

function expressionRegExp(expression: string): string {
  const [, sign = '', list = ''] = /^\{([+#./;?&]?)(.*)\}$/.exec(expression)!
  const quoted = (text: string): string => text.replace(/[.?+]/g, '\\$&')
  const separator = quoted({ '': ',', '+': ',', '#': ',', '?': '&' }[sign] ?? sign)
  const first = quoted({ '': '', '+': '' }[sign] ?? sign)
  const isNamed = ';?&'.includes(sign) && sign !== ''
  const chars = sign === '+' || sign === '#' ? "\\w.~:/?#[\\]@!$&'()*+,;=-" : '\\w.~-'
  const some = (extra: string, many: string): string => `(?:[${extra}${chars}]|%[0-9A-Fa-f]{2})${many}`
  const name = (key: string, extra: string): string =>
    sign === ';' ? `${key}(?:=${some(extra, '+')})?` : `${key}=${some(extra, '*')}`
  const values = list.split(',').map((spec) => {
    const [, key = '', limit, star] = /^(.*?)(?::(\d+)|(\*))?$/.exec(spec)!
    if (limit !== undefined) {
      const text = (from: number): string => `(?:[${chars}]|%[0-7][0-9A-Fa-f]|%C3%A9){${from},${limit}}`
      if (!isNamed) return text(0)
      return sign === ';' ? `${key}(?:=${text(1)})?` : `${key}=${text(0)}`
    }
    if (!star) return isNamed ? name(key, ',') : some(',', '*')
    const item = isNamed ? name(key, '') : some('', '*')
    const pair = isNamed ? name(some('', '*'), '') : `${some('', '*')}=${some('', '*')}`
    return `(?:${item}(?:${separator}${item})*|${pair}(?:${separator}${pair})*)`
  })
  const combinations = Array.from({ length: 2 ** values.length }, (_, bits) =>
    values.filter((_, index) => bits & (1 << index)),
  )
  return `(?:${combinations.map((some) => (some.length === 0 ? '' : first + some.join(separator))).join('|')})`
}

function encodeAll(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}

function encodeReserved(text: string): string {
  return text.replace(/%(?![0-9A-Fa-f]{2})|[^\w\-.~:/?#[\]@!$&'()*+,;=%]/gu, encodeURIComponent)
}

// A limit is for texts only, which only one of the variables always is.
const specs = fc.constantFrom('a', 'b', 'c', 'a*', 'b*', 'c*', 'a:1', 'a:4')
/** Made of what templates of `a`, `b` and `c` expand to. */
const nearTopics = fc
  .array(
    fc.constantFrom(
      'a',
      'a=',
      'b=',
      'c=',
      'c',
      '/',
      '?',
      '#',
      '&',
      ';',
      '.',
      ',',
      '=',
      '%2F',
      '%C3%A9',
      '-',
      '?x=',
      '!',
      'é',
    ),
    {
      maxLength: 5,
    },
  )
  .map((parts) => parts.join(''))
const expressionsOf = (maxVariables: number): fc.Arbitrary<string> =>
  fc
    .tuple(
      fc.constantFrom('', '+', '#', '.', '/', ';', '?', '&'),
      fc.array(specs, { minLength: 1, maxLength: maxVariables }),
    )
    .map(([sign, specs]) => `{${sign}${specs.join(',')}}`)
const templatesOf = (maxParts: number, maxVariables: number): fc.Arbitrary<string> =>
  fc
    .array(fc.oneof(expressionsOf(maxVariables), fc.constantFrom('a', '/', '%2F', '?x=', '-')), {
      minLength: 1,
      maxLength: maxParts,
    })
    .filter((parts) => parts.some((part) => part.startsWith('{')))
    .map((parts) => parts.join(''))
const templates = templatesOf(5, 3)
/** Long ones take the regular expression long. */
const shortTemplates = templatesOf(2, 2)
const text = fc.string({ unit: fc.constantFrom(..."abc019-._~:/?#[]@!$&'()*+,;=% é一😀"), maxLength: 6 })
const assignments = fc.record({
  a: text,
  b: fc.option(fc.array(text, { maxLength: 3 }), { nil: undefined }),
  c: fc.oneof(
    text,
    fc.dictionary(
      text.filter((name) => name !== ''),
      text,
      { maxKeys: 3 },
    ),
  ),
})
