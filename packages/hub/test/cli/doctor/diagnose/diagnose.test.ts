import { describe, expect, test } from 'vitest'
import { diagnose } from '../../../../src/cli/doctor/diagnose/diagnose.ts'
import type { EndpointFacts } from '../../../../src/cli/doctor/endpoint-facts.ts'
import type { Arrival, Block, Exchange } from '../../../../src/cli/doctor/exchange.ts'
import { formatJson, formatReport } from '../../../../src/cli/doctor/print-report.ts'
import type { Delivery, ProbeFacts } from '../../../../src/cli/doctor/probe-facts.ts'
import { probeData } from '../../../../src/cli/doctor/probe-protocol.ts'
import { parseTarget } from '../../../../src/cli/doctor/target.ts'

const target = parseTarget('http://127.0.0.1:3000/events', { header: [] })

const block = (atMs: number, id: string): Block => ({ atMs, kind: 'event', type: undefined, data: id, id })
const arrival = (atMs: number, bytes = 20, isInsideEvent = false): Arrival => ({
  atMs,
  bytes,
  blocks: 1,
  isInsideEvent,
})

function exchange(changes: Partial<Exchange> = {}): Exchange {
  return {
    url: target.url,
    method: 'GET',
    requestHeaders: {},
    httpVersion: '1.1',
    headersMs: 5,
    status: 200,
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-transform', 'x-accel-buffering': 'no' },
    arrivals: [arrival(10), arrival(1000), arrival(2000)],
    blocks: [block(10, '1'), block(1000, '2'), block(2000, '3')],
    oddities: [],
    retryMs: undefined,
    text: '',
    end: { how: 'closed', atMs: 4000 },
    ...changes,
  }
}

function facts(changes: Partial<EndpointFacts> = {}): EndpointFacts {
  return {
    target,
    tls: undefined,
    redirects: [],
    watched: exchange(),
    uncompressed: undefined,
    direct: undefined,
    resume: undefined,
    preflight: undefined,
    published: undefined,
    probe: undefined,
    ...changes,
  }
}

const complaints = (given: EndpointFacts) =>
  diagnose(given)
    .findings.filter(({ severity }) => severity === 'fault' || severity === 'warning')
    .map(({ id }) => id)

const resumed = (ids: string[], expected = ['2', '3']): Partial<EndpointFacts> => ({
  resume: { lastEventId: '1', expected, exchange: exchange({ blocks: ids.map((id) => block(5, id)) }) },
})

describe('diagnose', () => {
  test('has nothing against a stream that is as it should be', () => {
    expect(complaints(facts(resumed(['2', '3', '4'])))).toEqual([])
  })

  test.each<[string, Partial<EndpointFacts>, string[]]>([
    ['a stream that begins anew', resumed(['1', '2']), ['resume-ignored']],
    ['a stream that goes on later', resumed(['5', '6']), ['resume-loses']],
    ['nothing after coming back', resumed([]), ['resume-loses']],
    ['nothing after coming back, where nothing is known to be missing', resumed([], []), []],
    [
      'one id for all',
      {
        watched: exchange({ blocks: [block(10, '1'), block(1000, '1')] }),
        resume: { lastEventId: '1', expected: [], exchange: exchange({ blocks: [block(1, '1')] }) },
      },
      ['same-id'],
    ],
    [
      'an event that is written in pieces',
      { watched: exchange({ arrivals: [arrival(10, 8, true), arrival(900), arrival(2000, 8, true), arrival(3000)] }) },
      [],
    ],
    [
      'events of 8,192 bytes',
      { watched: exchange({ arrivals: [arrival(10), arrival(3000, 8192), arrival(6000, 8192)] }) },
      [],
    ],
    [
      'a reconnection that is refused',
      { resume: { lastEventId: '1', expected: ['2'], exchange: exchange({ status: 400 }) } },
      ['resume-refused'],
    ],
    [
      'events later than by the direct way',
      { direct: exchange({ blocks: [block(10, '1')] }), watched: exchange({ blocks: [block(3010, '1')] }) },
      ['buffering'],
    ],
    ['events hardly later than by the direct way', { direct: exchange({ blocks: [block(1, '1')] }) }, []],
    [
      'another status by the direct way',
      { direct: exchange(), watched: exchange({ status: 502 }) },
      ['status', 'status-differs'],
    ],
    [
      'lumps of 8,192 bytes after silences',
      {
        watched: exchange({
          arrivals: [arrival(10), { ...arrival(3000, 8192), blocks: 9 }, { ...arrival(6000, 8192), blocks: 9 }],
        }),
      },
      ['buffering'],
    ],
    [
      'lumps of many events after silences',
      {
        watched: exchange({
          arrivals: [arrival(10), { ...arrival(3000, 901), blocks: 9 }, { ...arrival(6000, 902), blocks: 9 }],
        }),
      },
      ['lumps'],
    ],
    [
      'a status that comes with the first event, late',
      { watched: exchange({ headersMs: 5000, arrivals: [arrival(5001)] }) },
      ['first-byte-late'],
    ],
    ['an event alone after a long silence', { watched: exchange({ arrivals: [arrival(10), arrival(9000)] }) }, []],
  ])('judges %s', (_, changes, ids) => {
    expect(complaints(facts(changes))).toEqual(ids)
  })

  test('warns of six connections where others connect to, not on this machine', () => {
    const url = new URL('https://example.com/events')
    const tls = { isHttp2Offered: false, invalid: undefined }
    expect(complaints(facts({ target: { ...target, url }, tls }))).toEqual(['six-connections'])
    expect(complaints(facts({ target: { ...target, url }, tls, watched: exchange({ httpVersion: '2' }) }))).toEqual([])
  })
})

describe('diagnose, in front of the probe server', () => {
  const delivery = (changes: Partial<Delivery> = {}): Delivery => ({
    kind: 'guarded',
    isCompressionAccepted: false,
    exchange: exchange({ blocks: [{ ...block(1, '1'), data: probeData }] }),
    released: 'at once',
    lagsMs: [0, 1],
    waitedMs: 2500,
    ...changes,
  })
  const all = (change: (kind: Delivery['kind'], isCompressionAccepted: boolean) => Partial<Delivery> = () => ({})) =>
    [false, true].flatMap((isCompressionAccepted) =>
      (['bare', 'guarded'] as const).map((kind) =>
        delivery({ kind, isCompressionAccepted, ...change(kind, isCompressionAccepted) }),
      ),
    )
  const probe = (changes: Partial<ProbeFacts> = {}): EndpointFacts =>
    facts({
      probe: {
        deliveries: all(),
        lostHeaders: [],
        state: { method: 'GET', httpVersion: '1.1', headers: {}, body: undefined, isOpen: true, sentBytes: 0 },
        isCommandLost: false,
        post: { status: 200, method: 'POST', isBodyWhole: true },
        leaving: 'noticed',
        brokenEnd: 'broken',
        wholeEnd: 'finished',
        together: { asked: 12, opened: 12 },
        silence: undefined,
        ...changes,
      },
    })

  test.each<[string, Partial<ProbeFacts>, string[]]>([
    ['nothing', {}, []],
    ['a buffer', { deliveries: all(() => ({ released: { bytes: 8000 } })) }, ['buffering']],
    [
      'a buffer unless told',
      { deliveries: all((kind) => (kind === 'bare' ? { released: 'at the end' } : {})) },
      ['buffering-unless-told'],
    ],
    [
      'compression',
      { deliveries: all((_, isCompressionAccepted) => (isCompressionAccepted ? { released: 'never' } : {})) },
      ['compression-holds-back'],
    ],
    [
      'compression unless told',
      {
        deliveries: all((kind, isCompressionAccepted) =>
          isCompressionAccepted && kind === 'bare' ? { released: 'never' } : {},
        ),
      },
      ['compression-unless-told'],
    ],
    ['a delay of each event', { deliveries: all(() => ({ lagsMs: [204, 207] })) }, ['delayed']],
    ['one event that is late', { deliveries: all((kind) => ({ lagsMs: kind === 'bare' ? [300, 0] : [250, 2] })) }, []],
    ['a silence that is cut soon', { silence: { passedMs: 8000, cutMs: 10_000, how: 'closed' } }, ['idle-timeout']],
    ['a silence that is cut after a minute', { silence: { passedMs: 58_000, cutMs: 60_000, how: 'closed' } }, []],
    ['clients that leave unnoticed', { leaving: 'unnoticed' }, ['leaving-unnoticed']],
    ['clients whose leaving is noticed late', { leaving: 'at the next bytes' }, []],
    ['requests without an answer', { state: undefined }, ['unanswered']],
    ['a query that is lost', { state: undefined, isCommandLost: true }, ['query-lost']],
    [
      'a refusal',
      { deliveries: all(() => ({ released: 'never', exchange: exchange({ status: 403 }) })) },
      ['status-changed'],
    ],
    ['an end that looks broken', { wholeEnd: 'broken' }, ['end-looks-broken']],
    ['an end that is not seen', { wholeEnd: 'open' }, ['end-unseen']],
  ])('judges %s', (_, changes, ids) => {
    expect(complaints(probe(changes))).toEqual(ids)
  })

  test('names the lines of the proxy that names itself, and of the one that the user names', () => {
    const given = probe({ leaving: 'unnoticed' })
    const linesOf = (changes: Partial<EndpointFacts>) =>
      diagnose({ ...given, ...changes }).findings.find(({ id }) => id === 'leaving-unnoticed')!.fix
    expect(linesOf({ watched: exchange({ headers: { server: 'nginx/1.22.1' } }) })).toEqual([
      { where: 'nginx', lines: ['proxy_ignore_client_abort off;'] },
    ])
    expect(
      linesOf({ target: parseTarget('http://127.0.0.1/', { header: [], proxy: 'haproxy' }) })?.map(
        ({ where }) => where,
      ),
    ).toEqual(['HAProxy'])
    expect(linesOf({})?.map(({ where }) => where)).toContain('if it is HAProxy')
  })
})

describe('the report', () => {
  const given = facts({ watched: exchange({ status: 503, text: 'x'.repeat(10), headers: { server: 'nginx' } }) })
  const report = (columns: number, isColored = false) => formatReport(given, diagnose(given), { columns, isColored })

  test.each([40, 60, 80, 100])('fits into %i columns, but for lines to write', (columns) => {
    const wide = report(columns)
      .split('\n')
      .filter((line) => line.length > columns)
    expect(wide.filter((line) => line.startsWith(' '.repeat(13)) === false)).toEqual([])
  })

  test('has colours for a terminal alone', () => {
    expect(report(80)).not.toContain('\x1b')
    expect(report(80, true)).toContain('\x1b[1;31mFAULT\x1b[0m    status: Status 503')
    expect(report(80, true).replaceAll(/\p{Cc}\[[\d;]*m/gu, '')).toBe(report(80))
  })

  test('has each finding as a line of JSON', () => {
    const lines = formatJson(given, diagnose(given))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines[0]).toMatchObject({ id: 'status', severity: 'fault', between: ['nginx'] })
  })
})
