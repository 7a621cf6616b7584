import { readFileSync } from 'node:fs'
import { describe, expect, onTestFinished, test } from 'vitest'
import { logEvents } from '../../src/cli/log/log.ts'
import { serveCommand } from '../../src/cli/serve/serve.ts'
import { createHub } from '../../src/create-hub.ts'
import { defaultLimits, type Limits } from '../../src/http/access/limits.ts'
import { Metrics } from '../../src/http/metrics.ts'
import { everyTopic } from '../../src/matching/matcher.ts'
import { createMemoryStore } from '../../src/store/memory.ts'

const read = (name: string) => readFileSync(new URL(`../../../../docs/${name}`, import.meta.url), 'utf8')

/** The rows of every table of a page, by their cells. */
function rowsOf(page: string): string[][] {
  return page
    .split('\n')
    .filter((line) => /^\| `/.test(line))
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    )
}

describe('docs/metrics.md', () => {
  const page = read('metrics.md')
  const metrics = new Metrics()

  test('has each metric of the hub, as it says itself, and no other', () => {
    const rows = metrics.describe().map(({ name, type, labels, help }) => {
      const list = labels.map((label) => `\`${label}\``).join(', ')
      return `| \`${name}\` | ${type} |${list ? ` ${list} ` : ' '}| ${help} |`
    })
    expect(page.split('\n').filter((line) => line.startsWith('| `headwater_'))).toEqual(rows)
  })

  test('names metrics of the process that are there, with what they say', async () => {
    const text = await metrics.toText()
    const rows = rowsOf(page).filter(([name]) => !name!.startsWith('`headwater_'))
    expect(rows.length).toBeGreaterThan(5)
    for (const [name = '', type, help = ''] of rows) {
      if (help.endsWith(' (Linux)') && process.platform !== 'linux') continue
      const plain = name.slice(1, -1)
      expect(text).toContain(`# HELP ${plain} ${help.replace(/ \(Linux\)$/, '')}\n# TYPE ${plain} ${type}\n`)
    }
  })

  test('watches nothing that is not there', async () => {
    const text = await metrics.toText()
    const watched = page.slice(page.indexOf('## What to watch')).match(/(headwater|process|nodejs)_\w+/g)!
    for (const name of watched) expect(text).toContain(`# TYPE ${name.replace(/_bucket$/, '')} `)
  })

  test('has names as Prometheus would have them', () => {
    for (const { name, type } of metrics.describe()) {
      expect(name).toMatch(/^headwater_[a-z_]+$/)
      expect(name.endsWith('_total')).toBe(type === 'counter')
      if (type === 'histogram') expect(name).toMatch(/_seconds$/)
    }
  })
})

test('docs/log.md has each event of the log with its level, and no other', () => {
  const rows = rowsOf(read('log.md')).map(([event = '', level]) => [event.slice(1, -1), level])
  expect(Object.fromEntries(rows)).toEqual(logEvents)
})

describe('docs/limits.md', () => {
  const rows = rowsOf(read('limits.md')).map((cells) => cells.map((cell) => cell.replaceAll('`', '')))
  const limits = rows.filter((cells) => cells.length === 5)
  const optionOf = (key: string) => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`

  test('has each limit with its default, and so has --help', () => {
    const table = limits.map(([option, value]) => [option, Number(value?.replaceAll(',', ''))])
    expect(Object.fromEntries(table)).toEqual(
      Object.fromEntries(Object.entries(defaultLimits).map(([key, value]) => [optionOf(key), value])),
    )
    const help = serveCommand().helpInformation()
    for (const key of Object.keys(defaultLimits)) expect(help).toContain(`${optionOf(key)} <`)
  })

  test('has each time with its default', () => {
    const help = serveCommand().createHelp().visibleOptions(serveCommand())
    for (const [name, value] of rows.filter((cells) => cells.length === 3)) {
      const option = help.find(({ long }) => long === name)
      expect([name, option?.defaultValueDescription]).toEqual([name, value])
    }
  })

  /** What goes beyond each limit when that is 1. Connections have tests of their own, with real ones. */
  const attempts: Readonly<Record<string, (ask: Ask) => Promise<Response>>> = {
    maxSubscribers: async (ask) => {
      await ask('192.0.2.1', 'match=a')
      return ask('192.0.2.2', 'match=a')
    },
    maxSubscribersPerAddress: async (ask) => {
      await ask('192.0.2.1', 'match=a')
      return ask('192.0.2.1', 'match=a')
    },
    maxSubscribersPerToken: async (ask) => {
      await ask('192.0.2.1', 'match=a')
      return ask('192.0.2.2', 'match=a')
    },
    maxPublishRate: async (ask) => {
      await ask('192.0.2.1', '', 'topic=a')
      return ask('192.0.2.1', '', 'topic=a')
    },
    maxPresenceRate: async (ask) => {
      // All that may come at once.
      await ask('192.0.2.1', Array.from({ length: 30 }, (_, n) => `match=${n}`).join('&'))
      return ask('192.0.2.1', 'match=a')
    },
    maxBodyBytes: (ask) => ask('192.0.2.1', '', 'topic=a'),
    maxMatchers: (ask) => ask('192.0.2.1', 'match=a&match=b'),
    maxTopics: (ask) => ask('192.0.2.1', '', 'topic=a&topic=b'),
  }
  type Ask = (remoteAddress: string, query: string, body?: string) => Promise<Response>

  test.each(Object.keys(attempts))('says what is answered beyond %s', async (key) => {
    const given: Partial<Limits> = { [key]: 1 }
    const hub = await createHub({
      store: createMemoryStore(),
      limits: given,
      subscriptions: true,
      authorize: () => ({ publish: [everyTopic], holder: 'ann' }),
    })
    const streams: Response[] = []
    onTestFinished(async () => {
      for (const { body } of streams) await body?.cancel()
      await hub.close()
    })
    const ask: Ask = async (remoteAddress, query, body) => {
      const url = `http://hub.test/.well-known/mercure?${query}`
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const init = body === undefined ? {} : { method: 'POST', body, headers }
      const response = await hub.fetch(new Request(url, init), { remoteAddress })
      streams.push(response)
      return response
    }
    const response = await attempts[key]!(ask)
    const [, , , status, retryAfter] = limits.find(([option]) => option === optionOf(key))!
    expect([String(response.status), response.headers.get('retry-after') ?? '']).toEqual([status, retryAfter])
  })
})
