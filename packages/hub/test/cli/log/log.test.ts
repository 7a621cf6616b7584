import { afterEach, describe, expect, test, vi } from 'vitest'
import { Log, type LogOptions, logEvents } from '../../../src/cli/log/log.ts'
import { atMostLinear, costGrowth } from '../../cost-growth.ts'

afterEach(() => void vi.useRealTimers())

function logging(options: Partial<LogOptions> = {}) {
  const lines: string[] = []
  const now = () => Date.UTC(2026, 10, 22, 16, 45, 53, 7)
  return { lines, log: new Log({ format: 'text', level: 'info', write: (line) => lines.push(line), now, ...options }) }
}

describe('the log', () => {
  test('as text is a line with the time, the level and the message', () => {
    const { lines, log } = logging()
    log.write('ready', 'listening', { url: 'http://127.0.0.1:3000' })
    log.write('store-failed', 'the disk is full')
    expect(lines).toEqual([
      '2026-11-22T16:45:53.007Z info  listening\n',
      '2026-11-22T16:45:53.007Z error the disk is full\n',
    ])
  })

  test('as JSON is an object on a line, with the event and its fields', () => {
    const { lines, log } = logging({ format: 'json' })
    log.write('ready', 'listening', { url: 'http://127.0.0.1:3000', port: 3000, none: undefined })
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^[^\n]*\n$/)
    expect(JSON.parse(lines[0]!)).toEqual({
      time: '2026-11-22T16:45:53.007Z',
      level: 'info',
      event: 'ready',
      message: 'listening',
      url: 'http://127.0.0.1:3000',
      port: 3000,
    })
  })

  test('leaves out what is below its level, which can change', () => {
    const { lines, log } = logging({ level: 'warn' })
    log.write('ready', 'a')
    log.write('token-refused', 'b')
    log.writeThrottled('request', 'c')
    log.level = 'debug'
    log.write('request', 'd')
    log.level = 'error'
    log.write('token-refused', 'e')
    log.write('store-failed', 'f')
    expect(lines.map((line) => line.slice(-2, -1))).toEqual(['b', 'd', 'f'])
  })

  test.each(['text', 'json'] as const)('as %s lets nobody begin a line, hide one or reorder it', (format) => {
    const { lines, log } = logging({ format })
    const hostile = 'a\nforged\r\n\u0000\u001b[2J\u007f\u0085\u2028\u2029\u202e\u200b\ufeff\ud800\u{e0001}\tz'
    log.write('token-refused', hostile, { address: hostile, list: [hostile] })
    expect(lines).toHaveLength(1)
    expect(lines[0]!.slice(0, -1)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
    expect(lines[0]).toContain('a\\')
    if (format === 'json') expect(JSON.parse(lines[0]!)).toMatchObject({ message: hostile, address: hostile })
  })

  test('has no token in it, even if a message had', () => {
    const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl'
    for (const format of ['text', 'json'] as const) {
      const { lines, log } = logging({ format })
      log.write('failure', `fetch failed: Bearer ${token}.`, { detail: token })
      expect(lines[0]).toContain('(a token)')
      expect(lines[0]).not.toMatch(/eyJ|c2lnbmF0dXJl/)
    }
  })

  test('of a text that begins like a token, again and again, costs what its length is', () => {
    const { log } = logging()
    const write = (length: number) => log.write('failure', 'eyJ-'.repeat(length / 4))
    expect(costGrowth(write, 2000)).toBeLessThan(atMostLinear)
  })

  test('of the same thing from the same client tells ten a minute, and then how many more there were', () => {
    vi.useFakeTimers()
    const { lines, log } = logging({ format: 'json' })
    for (let n = 0; n < 1244; n++) log.writeThrottled('token-refused', `bad ${n}`, { address: '192.0.2.7' })
    log.writeThrottled('token-refused', 'bad', { address: '192.0.2.8' })
    log.writeThrottled('request-refused', 'too many', { address: '192.0.2.7' })
    expect(lines).toHaveLength(12)
    vi.advanceTimersByTime(60_000)
    expect(lines).toHaveLength(13)
    expect(JSON.parse(lines[12]!)).toMatchObject({
      event: 'token-refused',
      message: '… and 1,234 more (token-refused) from 192.0.2.7.',
      omitted: 1234,
      address: '192.0.2.7',
    })
    log.writeThrottled('token-refused', 'bad again', { address: '192.0.2.7' })
    expect(lines).toHaveLength(14)
    vi.advanceTimersByTime(60_000)
    expect(lines).toHaveLength(14)
  })

  test('of the same thing from a million addresses stays short, and counts them all', () => {
    vi.useFakeTimers()
    const { lines, log } = logging({ format: 'json' })
    const count = 20_000
    for (let n = 0; n < count; n++) log.writeThrottled('token-refused', 'bad', { address: `2001:db8::${n}` })
    expect(lines).toHaveLength(100)
    log.flush()
    expect(lines).toHaveLength(101)
    expect(JSON.parse(lines[100]!)).toMatchObject({ omitted: count - 100 })
  })

  test('tells on request what was left out, as at the end of the process', () => {
    const { lines, log } = logging()
    for (let n = 0; n < 12; n++) log.writeThrottled('store-slow', 'slow')
    log.flush()
    expect(lines.at(-1)).toContain('… and 2 more (store-slow).')
    log.flush()
    expect(lines).toHaveLength(11)
  })

  test('has events named in one way', () => {
    for (const event of Object.keys(logEvents)) expect(event).toMatch(/^[a-z]+(-[a-z]+)*$/)
  })
})
