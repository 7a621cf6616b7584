import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Latencies } from '../../../src/cli/bench/latencies.ts'
import { headwater, serveHub, startHub } from '../running.ts'

describe('headwater bench', () => {
  test('counts what comes: every event to every subscriber, once', async () => {
    const hub = await startHub()
    const bench = headwater('bench', hub.url, '--seconds', '1', '--subscribers', '3', '--rate', '20', '--json')
    expect(await bench.ended()).toBe(0)
    const { result, topic, subscribers } = JSON.parse(bench.stdout)
    expect(topic).toMatch(/^headwater-bench\//)
    expect(result).toMatchObject({ lost: 0, doubled: 0, refused: 0, delivered: result.published * subscribers })
    expect(result.published).toBeGreaterThan(0)
    expect(result.latency.p50).toBeGreaterThan(0)
    const history = headwater('history', 'list', hub.url, '--json', '-n', '1000')
    await history.ended()
    expect(history.stdout.trim().split('\n')).toHaveLength(result.published)
  })

  test('says in words what came, and that its events stay', async () => {
    const hub = await startHub()
    const bench = headwater('bench', hub.url, '--seconds', '1', '--subscribers', '2', '--rate', '10')
    expect(await bench.ended()).toBe(0)
    expect(bench.stdout).toMatch(/^lost +0, doubled 0, refused 0$/m)
    expect(bench.stdout).toMatch(/^client +\d+ % of a core/m)
    expect(bench.stdout).toContain("stay in the hub's history")
  })

  test('notices what is doubled and lost on the way', async () => {
    const hub = await startHub()
    // A proxy that doubles one event and swallows another.
    const proxy = createServer((req, res) => {
      const onward = request(
        hub.url + req.url,
        { method: req.method, headers: { ...req.headers, 'accept-encoding': 'identity' } },
        (answer) => {
          res.writeHead(answer.statusCode!, answer.headers)
          if (req.method === 'POST') return void answer.pipe(res)
          let rest = ''
          answer.setEncoding('utf8').on('data', (text) => {
            const blocks = (rest + text).split('\n\n')
            rest = blocks.pop()!
            for (const block of blocks) {
              if (/^data: 3 /m.test(block)) continue
              res.write(`${block}\n\n`)
              if (/^data: 2 /m.test(block)) res.write(`${block}\n\n`)
            }
          })
        },
      )
      req.pipe(onward)
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    onTestFinished(() => void proxy.close())
    onTestFinished(() => void proxy.closeAllConnections())
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
    const bench = headwater(
      'bench',
      url,
      '--seconds',
      '1',
      '--subscribers',
      '1',
      '--publishers',
      '1',
      '--rate',
      '8',
      '--json',
    )
    expect(await bench.ended()).toBe(1)
    const { result } = JSON.parse(bench.stdout)
    // On a busy machine fewer than four are published.
    expect([result.lost, result.doubled]).toEqual([result.published > 3 ? 1 : 0, result.published > 2 ? 1 : 0])
  })

  test.each([
    ['--subscribers', '101'],
    ['--publishers', '9'],
    ['--seconds', '31'],
    ['--rate', '501'],
    ['--bytes', '10001'],
  ])('does not go beyond a bound unless told: %s %s', async (flag, value) => {
    const bench = headwater('bench', 'http://127.0.0.1:9', flag, value)
    expect([await bench.ended(), bench.stderr]).toEqual([2, expect.stringContaining('the most without --yes')])
  })

  test('says that it may not publish', async () => {
    const rules = ['--key-alg', 'HS256', '--issuer', 'https://a.example', '--audience', 'https://a.example/h']
    const hub = await serveHub('--anonymous', '--publisher-key', 'x'.repeat(32), ...rules)
    const bench = headwater('bench', hub.url, '--seconds', '1', '--rate', '4')
    expect(await bench.ended()).toBe(1)
    expect(bench.stdout).toMatch(/^published +0 /m)
    expect(bench.stdout).toContain('401')
  })
})

test('latencies: the middle, the end, and none', () => {
  const latencies = new Latencies()
  expect(latencies.read()).toEqual({ p50: null, p99: null, max: null })
  for (let n = 1; n <= 100; n++) latencies.add(n)
  expect(latencies.read()).toEqual({ p50: 51, p99: 100, max: 100 })
})
