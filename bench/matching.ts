// The speed of matching topics: `npm run bench:matching --workspace bench`. Prints the tables of
// docs/decisions/0007. Every figure is the median of rounds in which all sides take turns, so that
// a noisy machine affects all alike. It is the CPU time of the process, so that waiting for a core
// does not count.
import { exactTopic, type Matcher, selects, topicSelector, urlPattern } from '../packages/hub/src/matching/matcher.ts'
import { MatcherIndex } from '../packages/hub/src/matching/matcher-index.ts'
import { MatcherSet } from '../packages/hub/src/matching/matcher-set.ts'
import { Topic, toTopics } from '../packages/hub/src/matching/topic.ts'
import { UrlPattern } from '../packages/hub/src/matching/url-pattern.ts'

const rounds = Number(process.env.ROUNDS ?? 5)
const roundMs = Number(process.env.ROUND_MS ?? 100)
const hub = 'https://hub.example/.well-known/mercure'
/** Keeps the result of a call from being optimised away. */
let kept: unknown
const pattern = (text: string): Matcher => urlPattern(text, hub)

console.log(`Node ${process.version}, medians of ${rounds} rounds of ${roundMs} ms CPU\n`)
benchIndex()
benchPatterns()
benchHostile()
benchSubscription()
benchBacktracking()
if (kept === undefined) throw new Error('Nothing was measured.')

/**
 * What an event costs before its feeds are known: 10,000 feeds of one topic each, and 1,000 of a
 * pattern each.
 */
function benchIndex(): void {
  const exact = Array.from({ length: 10_000 }, (_, n) => [exactTopic(`https://ex.com/books/${n}`)])
  const layouts: Record<string, (n: number) => string> = {
    'a user each: https://ex.com/users/7/*': (n) => `https://ex.com/users/${n}/*`,
    'an extension each: https://ex.com/:any/*.x7': (n) => `https://ex.com/:any/*.x${n}`,
  }
  const topics = {
    'exact hit': 'https://ex.com/books/4711',
    'pattern hit': 'https://ex.com/users/471/inbox',
    'no hit': 'https://other.example/authors/1',
    'not a URL of any pattern': 'temperature',
  }
  console.log('## One event, 10,000 exact matchers and 1,000 URL patterns: us to find who gets it\n')
  console.log('| patterns | topic | index | asking every pattern | only exact matchers |')
  console.log('| --- | --- | ---: | ---: | ---: |')
  for (const [layout, patternOf] of Object.entries(layouts)) {
    const patterns = Array.from({ length: 1000 }, (_, n) => [pattern(patternOf(n))])
    const index = indexOf([...exact, ...patterns])
    const exactIndex = indexOf(exact)
    const sets = patterns.map((matchers) => new MatcherSet(matchers))
    for (const [name, topic] of Object.entries(topics)) {
      const figures = compare({
        index: () => index.select([topic]),
        all: () => {
          const topics = toTopics([topic])
          exactIndex.select([topic])
          return sets.filter((set) => set.selectsAny(topics))
        },
        exact: () => exactIndex.select([topic]),
      })
      const { index: ours, all, exact: none } = figures
      console.log(`| ${layout} | ${name} | ${us(ours!)} | ${us(all!)} | ${us(none!)} |`)
    }
  }
  console.log()
}

function indexOf(lists: readonly (readonly Matcher[])[]): MatcherIndex<number> {
  const index = new MatcherIndex<number>()
  for (const [value, matchers] of lists.entries()) index.add(matchers, value)
  return index
}

function benchPatterns(): void {
  const cases = [
    ['https://ex.com/books/:id', 'https://ex.com/books/1234'],
    ['https://ex.com/*', 'https://ex.com/a/b/c'],
    ['https://ex.com/users/:user/books/:id', 'https://ex.com/users/alice/books/1234'],
    ['https://ex.com/users/:user/books/:id', 'https://ex.com/users/alice/articles/1234'],
    ['https://ex.com/:year(\\d{4})/:month(\\d\\d)', 'https://ex.com/2026/09'],
    ['/.well-known/mercure/subscriptions/exact/:m/:s', '/.well-known/mercure/subscriptions/exact/a/urn%3Auuid%3A1'],
  ] as const
  console.log('## One pattern, one topic: us\n')
  console.log(
    '| pattern | topic | ours, topic parsed before | ours | platform `test` | ours compile | platform compile |',
  )
  console.log('| --- | --- | ---: | ---: | ---: | ---: | ---: |')
  for (const [text, topicText] of cases) {
    const ours = new UrlPattern(text, hub)
    const native = new URLPattern(text, hub)
    const topic = new Topic(topicText)
    const figures = compare({
      parsed: () => ours.matches(topic),
      ours: () => ours.matches(new Topic(topicText)),
      native: () => native.test(topicText, hub),
      compile: () => new UrlPattern(text, hub),
      nativeCompile: () => new URLPattern(text, hub),
    })
    const row = Object.values(figures).map(us).join(' | ')
    console.log(`| \`${text}\` | \`${topicText}\` | ${row} |`)
  }
  console.log()
}

/** The worst patterns that were found: up to 4096 bytes, against topics of 4096. */
function benchHostile(): void {
  const fill = (unit: string, length: number): string => unit.repeat(Math.ceil(length / unit.length)).slice(0, length)
  const cases: readonly (readonly [string, () => Matcher, string])[] = [
    ['long text between stars', () => pattern(`/*${fill('a', 1020)}b*`), 'a'],
    ['1,000 × `{a}*`', () => pattern(`/${fill('{a}*', 4000)}:x`), 'a'],
    ['400 names', () => pattern(`/${Array.from({ length: 400 }, (_, n) => `:a${n}`).join('')}/x*`), 'a'],
    ['`((?:a{1}|a{2}|…|a{20})*)`', () => pattern(`/((?:${counted(1, 20)})*)b*`), 'a'],
    ['70 × `(?:aaaa)*a`', () => pattern(`/*(${fill('(?:aaaa)*a', 700)})c*`), 'a'],
    ['90 × `(?:aa)+`', () => pattern(`/*(${'(?:aa)+'.repeat(90)})c*`), 'a'],
    ['template of 1,000 × `{a}`', () => topicSelector(`${fill('{a}', 3000)}/{b}`), 'a'],
    ['template `{a*}{/b*}{?c*,d*}{&e*}`', () => topicSelector('{a*}{/b*}{?c*,d*}{&e*}'), 'a=b,'],
  ]
  console.log('## Hostile patterns, topics of 4096 bytes\n')
  console.log('| pattern | bytes | compile ms | match ms | steps per character |')
  console.log('| --- | ---: | ---: | ---: | ---: |')
  for (const [name, make, unit] of cases) {
    const matcher = make()
    const topic = new Topic(`/${fill(unit, 4095)}`)
    const work = { steps: 0 }
    selects(matcher, topic, work)
    const { compile, match } = compare({ compile: make, match: () => selects(matcher, topic) })
    const perCharacter = (work.steps / 4096).toFixed(0)
    console.log(`| ${name} | ${matcher.source.length} | ${ms(compile!)} | ${ms(match!)} | ${perCharacter} |`)
  }
  console.log()
}

/**
 * Whole subscriptions at the limits of the hub (`http/subscribe/subscribe.ts`): 16 KiB of patterns, 512 steps
 * for a character.
 */
function benchSubscription(): void {
  const letters = [...'0123456789abcdefghijklmnopqrstuvwxyz']
  const unlike = Array.from({ length: 680 }, (_, n) => `([^${letters[n % letters.length]}])`).join('')
  const cases: readonly (readonly [string, () => Matcher[]])[] = [
    ['2 × 70 × `(?:aaaa)*a`', () => [1, 2].map((n) => pattern(`/*(${'(?:aaaa)*a'.repeat(70)})c{${n}}*`))],
    [
      '15 × 1,000 letters between stars',
      () => Array.from({ length: 15 }, (_, n) => pattern(`/*${'a'.repeat(1010)}b${n}*`)),
    ],
    ['4 × 680 groups, each of its own', () => Array.from({ length: 4 }, (_, n) => pattern(`/*${unlike}${n}`))],
    [
      '100 × `https://ex.com/:any/*.x7`',
      () => Array.from({ length: 100 }, (_, n) => pattern(`https://ex.com/:any/*.x${n}`)),
    ],
  ]
  console.log('## One subscription at its limits: ms\n')
  console.log('| patterns | compile | an event with a topic of 100 bytes | of 4096 bytes | with 16 of those |')
  console.log('| --- | ---: | ---: | ---: | ---: |')
  for (const [name, make] of cases) {
    const matchers = new MatcherSet(make())
    const start = name.includes('ex.com') ? 'https://ex.com/' : '/'
    const of = (bytes: number) => new Topic(start.padEnd(bytes, 'a'))
    const many = Array.from({ length: 16 }, () => of(4096))
    const figures = compare({
      compile: make,
      short: () => matchers.selectsAny([of(100)]),
      long: () => matchers.selectsAny([of(4096)]),
      many: () => matchers.selectsAny(many),
    })
    console.log(`| ${name} | ${Object.values(figures).map(ms).join(' | ')} |`)
  }
  console.log()
}

function counted(from: number, to: number): string {
  return Array.from({ length: to - from + 1 }, (_, n) => `a{${from + n}}`).join('|')
}

/**
 * The platform's URLPattern with patterns that make its regular expressions backtrack. Once each:
 * it takes long.
 */
function benchBacktracking(): void {
  console.log('## The platform going back, ms\n')
  console.log('| pattern | topic bytes | platform `test` | ours |')
  console.log('| --- | ---: | ---: | ---: |')
  for (const text of ['/{*}+x', '/([^b]*):id+{b}']) {
    const native = new URLPattern(text, 'http://h/')
    const ours = new UrlPattern(text, 'http://h/')
    for (const length of [16, 20, 24]) {
      const topic = `/${'a'.repeat(length)}`
      const nativeMs = once(() => native.test(topic, 'http://h/'))
      console.log(
        `| \`${text}\` | ${length + 1} | ${nativeMs.toFixed(1)} | ${ms(compare({ ours: () => ours.matches(new Topic(topic)) }).ours!)} |`,
      )
    }
  }
  console.log()
}

/** The median CPU time in microseconds of one call of each. */
function compare(sides: Readonly<Record<string, () => unknown>>): Record<string, number> {
  const counts = Object.fromEntries(Object.entries(sides).map(([name, run]) => [name, calibrate(run)]))
  const samples: Record<string, number[]> = Object.fromEntries(Object.keys(sides).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, run] of Object.entries(sides)) {
      const count = counts[name]!
      samples[name]!.push(
        cpuOf(() => {
          for (let call = 0; call < count; call++) kept = run()
        }) / count,
      )
    }
  }
  return Object.fromEntries(Object.entries(samples).map(([name, figures]) => [name, median(figures)]))
}

/** The number of calls in a round; warms up as well. */
function calibrate(run: () => unknown): number {
  for (let count = 1; ; count *= 2) {
    const micros = cpuOf(() => {
      for (let call = 0; call < count; call++) kept = run()
    })
    if (micros > (roundMs / 4) * 1000) return Math.ceil((count * roundMs * 1000) / micros)
  }
}

function cpuOf(run: () => void): number {
  const start = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(start)
  return user + system
}

function once(run: () => void): number {
  return cpuOf(run) / 1000
}

function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)]!
}

function us(micros: number): string {
  return micros.toFixed(micros < 10 ? 2 : 0)
}

function ms(micros: number): string {
  return (micros / 1000).toFixed(3)
}
