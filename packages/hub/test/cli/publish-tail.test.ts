import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../../../conformance/runners/free-port.ts'
import { headwater, serveHub, startHub } from './running.ts'

describe('headwater publish', () => {
  test('publishes its argument and prints the id', async () => {
    const hub = await startHub()
    const publish = headwater(
      'publish',
      '--hub',
      hub.url,
      '-t',
      'log',
      '-t',
      'other',
      '--type',
      'note',
      '--id',
      'mine',
      'hello ⛲',
    )
    expect(await publish.ended()).toBe(0)
    expect(publish.stdout).toBe('mine\n')
    const tail = headwater('tail', '--hub', hub.url, '-t', 'other', '--json', '--last-event-id', 'earliest')
    await tail.said(/\n/)
    expect(JSON.parse(tail.stdout)).toEqual({ id: 'mine', type: 'note', data: 'hello ⛲' })
  })

  test('publishes each line of standard input, in order, the last without a line end, too', async () => {
    const hub = await startHub()
    const tail = headwater('tail', '--hub', hub.url, '-t', 'log', '--last-event-id', 'earliest')
    const publish = headwater('publish', '--hub', hub.url, '-t', 'log')
    const lines = Array.from({ length: 300 }, (_, n) => `line ${n} ⛲ \u2028`)
    publish.child.stdin.write(Buffer.from(`${lines.join('\n')}\r\n\nlast`))
    publish.child.stdin.end()
    expect(await publish.ended()).toBe(0)
    expect(publish.stderr).toContain('published 302 events')
    await tail.said(/last\n/)
    expect(tail.stdout.split('\n')).toEqual([...lines, '', 'last', ''])
  })

  test('shows a line at once, while its source goes on', async () => {
    const hub = await startHub()
    const tail = headwater('tail', '--hub', hub.url, '--last-event-id', 'earliest')
    const publish = headwater('publish', '--hub', hub.url, '-t', 'log')
    for (const line of ['one', 'two', 'three']) {
      publish.child.stdin.write(`${line}\n`)
      await tail.said(new RegExp(`${line}\n`))
    }
  })

  test('without a hub says so in one line, and what to do', async () => {
    const publish = headwater('publish', '--hub', 'http://127.0.0.1:1', '-t', 'log', 'x')
    expect(await publish.ended()).toBe(1)
    expect(publish.stderr).toContain('headwater serve --dev')
    expect(publish.stderr.trim().split('\n').length).toBe(1)
  })

  test('keeps a line until the hub is back, then goes on with the next', async () => {
    const listen = ['--listen', `127.0.0.1:${await freePort()}`]
    const first = await startHub(...listen)
    const publish = headwater('publish', '--hub', first.url, '-t', 'log')
    publish.child.stdin.write('before\n')
    const tail = headwater('tail', '--hub', first.url, '--last-event-id', 'earliest')
    await tail.said(/before\n/)
    first.child.kill('SIGTERM')
    await first.ended()
    publish.child.stdin.end('while away\nand after\n')
    await publish.said(/retrying until/, 'stderr')
    await startHub(...listen)
    expect(await publish.ended()).toBe(0)
    await tail.said(/and after\n/)
    expect(tail.stdout).toBe('before\nwhile away\nand after\n')
    expect(tail.stderr).toContain('the hub began a new history')
  })

  test('publishes no line twice, though answers get lost halfway', async () => {
    const hub = await startHub()
    // Between the two: passes each request on, and of every other answer only the beginning.
    let requests = 0
    const proxy = createServer((req, res) => {
      const cut = requests++ % 2 === 0
      const onward = request(hub.url + req.url, { method: req.method, headers: req.headers }, (answer) => {
        const pieces: Buffer[] = []
        answer.on('data', (piece: Buffer) => pieces.push(piece))
        answer.on('end', () => {
          const body = Buffer.concat(pieces)
          if (!cut) res.writeHead(answer.statusCode!, answer.headers).end(body)
          else res.write(body.subarray(0, body.length / 2), () => res.destroy())
        })
      })
      req.pipe(onward)
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    onTestFinished(() => void proxy.close())
    const { port } = proxy.address() as AddressInfo
    const publish = headwater('publish', '--hub', `http://127.0.0.1:${port}`, '-t', 'log')
    const lines = Array.from({ length: 500 }, (_, n) => `line ${n}`)
    publish.child.stdin.end(`${lines.join('\n')}\n`)
    expect(await publish.ended()).toBe(0)
    expect(publish.stderr).toContain('published 500 events')
    expect(requests).toBeGreaterThan(1)
    const tail = headwater('tail', '--hub', hub.url, '-t', 'log', '--last-event-id', 'earliest')
    await tail.said(/line 499\n/)
    expect(tail.stdout.split('\n').filter(Boolean)).toEqual(lines)
  })

  test('gives up after --wait', async () => {
    const publish = headwater('publish', '--hub', 'http://127.0.0.1:1', '-t', 'log', '--wait', '0.1')
    publish.child.stdin.end('x\n')
    expect(await publish.ended()).toBe(1)
    expect(publish.stderr).toContain('0 events were published before')
  })

  test('stops at a refusal that every line would meet, and tells the reason', async () => {
    const hub = await startHub()
    const publish = headwater('publish', '--hub', hub.url, '-t', '*')
    publish.child.stdin.write('x\ny\n')
    expect(await publish.ended()).toBe(1)
    expect(publish.stderr).toContain('The topic "*" is what subscribers use')
  })

  test.each([
    ['an argument', ['x']],
    ['lines', []],
  ])('refused for its host, tells the reason and what to do, with %s', async (_, data) => {
    const secret = ['--publisher-key', 'x'.repeat(32), '--key-alg', 'HS256', '--issuer', 'https://a.example']
    const hub = await serveHub('--public-urls', 'https://hub.example.com', '--anonymous', ...secret)
    const publish = headwater('publish', '--hub', hub.url, '-t', 'log', ...data)
    publish.child.stdin.write('x\n')
    expect(await publish.ended()).toBe(1)
    expect(publish.stderr).toContain('The hub refused the event: 421 This hub is not known as "127.0.0.1:')
    expect(publish.stderr).toContain(`add ${hub.url} to the hub's --public-urls`)
  })

  test('passes over a line that is too large, says which, and exits 1', async () => {
    const hub = await startHub()
    const publish = headwater('publish', '--hub', hub.url, '-t', 'log')
    publish.child.stdin.end(`one\n${'x'.repeat(2_000_000)}\nthree\n`)
    expect(await publish.ended()).toBe(1)
    expect(publish.stderr).toContain('line 2 was not published: 413')
    expect(publish.stderr).toContain('published 2 events; 1 were refused')
  })
})

describe('headwater publish --key', () => {
  test('publishes lines once, however often it is run, and says how many were there', async () => {
    const hub = await startHub()
    const run = async (input: string) => {
      const publish = headwater('publish', '--hub', hub.url, '-t', 'log', '--key', 'import-7')
      publish.child.stdin.end(input)
      expect(await publish.ended()).toBe(0)
      return publish.stderr
    }
    expect(await run('one\ntwo\n')).toBe('headwater: published 2 events; 0 were there already.\n')
    expect(await run('one\ntwo\nthree\n')).toBe('headwater: published 1 events; 2 were there already.\n')
    // Another line in that place is another event.
    expect(await run('one\n2\nthree\n')).toBe('headwater: published 1 events; 2 were there already.\n')
    const tail = headwater('tail', hub.url, '--since', 'earliest', '-n', '4')
    expect([await tail.ended(), tail.stdout]).toEqual([0, 'one\ntwo\nthree\n2\n'])
  })

  test('of one event gives the ID of the first time', async () => {
    const hub = await startHub()
    const run = async () => {
      const publish = headwater('publish', '--hub', hub.url, '-t', 'log', '--key', 'once', 'hello')
      expect(await publish.ended()).toBe(0)
      return publish.stdout
    }
    expect(await run()).toBe(await run())
  })

  test('goes on where a run was killed', async () => {
    const hub = await startHub()
    const lines = Array.from({ length: 3000 }, (_, n) => `line ${n}`)
    const first = headwater('publish', '--hub', hub.url, '-t', 'log', '--key', 'k')
    first.child.stdin.write(`${lines.slice(0, 1500).join('\n')}\n`)
    const tail = headwater('tail', hub.url, '-q', '--since', 'earliest', '-n', '3000')
    await tail.said(/line 10\n/)
    first.child.kill('SIGKILL')
    await first.ended()
    const second = headwater('publish', '--hub', hub.url, '-t', 'log', '--key', 'k')
    second.child.stdin.end(`${lines.join('\n')}\n`)
    expect(await second.ended()).toBe(0)
    const [, published, already] = await second.said(/published (\d+) events; (\d+) were there already/, 'stderr')
    expect(Number(published) + Number(already)).toBe(3000)
    expect(Number(already)).toBeGreaterThan(10)
    expect(await tail.ended()).toBe(0)
    expect(tail.stdout.split('\n').filter(Boolean)).toEqual(lines)
  })

  test('refuses a key that the hub would not take', async () => {
    const publish = headwater('publish', '-t', 'log', '--key', 'k'.repeat(201), 'x')
    expect(await publish.ended()).toBe(2)
    expect(publish.stderr).toMatch(/^headwater: --key/)
  })
})

describe('headwater publish, of what is not UTF-8', () => {
  test('passes over the line, says which, and exits 1', async () => {
    const hub = await startHub()
    const publish = headwater('publish', '--hub', hub.url, '-t', 'log')
    publish.child.stdin.end(Buffer.from('one\nM\xfcnchen\nthree \xc3\xa4\r\n\xff', 'latin1'))
    expect(await publish.ended()).toBe(1)
    expect(publish.stderr).toContain('line 2 was not published: it is not valid UTF-8')
    expect(publish.stderr).toContain('line 4 was not published: it is not valid UTF-8')
    expect(publish.stderr).toContain('published 2 events; 2 were refused')
    const tail = headwater('tail', '--hub', hub.url, '-t', 'log', '--last-event-id', 'earliest')
    await tail.said(/three.*\n/)
    expect(tail.stdout).toBe('one\nthree ä\n')
  })
})

describe.each([
  ['tail', []],
  ['publish', ['-t', 'a', 'x']],
  ['vitals', []],
])('headwater %s', (command, rest) => {
  test.each([
    'http://user:hunter2@127.0.0.1:1',
    'http://hunter2@127.0.0.1:1',
    'ftp://user:hunter2@a',
    'http://user:hunter2@',
  ])('refuses --hub %s without repeating the password', async (url) => {
    const run = headwater(command, ...rest, '--hub', url)
    expect(await run.ended()).toBe(2)
    expect(run.stderr).toMatch(/^headwater: --hub/)
    expect(run.stderr).not.toContain('hunter2')
  })
})

describe('headwater tail', () => {
  test('refuses a last event ID that cannot be sent', async () => {
    const tail = headwater('tail', '--last-event-id', 'a\nb')
    expect(await tail.ended()).toBe(2)
    expect(tail.stderr).toContain('--last-event-id "a\\nb" is not an event ID')
  })

  test('goes on where it was after the hub was away, and tells what happened on standard error', async () => {
    const listen = ['--listen', `127.0.0.1:${await freePort()}`]
    const first = await startHub(...listen)
    const tail = headwater('tail', '--hub', first.url, '-t', 'a', '--last-event-id', 'earliest')
    const publish = headwater('publish', '--hub', first.url, '-t', 'a')
    publish.child.stdin.write('x\n')
    // Whatever it was connected to before, it is connected once this has come.
    await tail.said(/x\n/)
    first.child.kill('SIGKILL')
    await tail.said(/retrying in/, 'stderr')
    await startHub(...listen)
    await tail.said(/connected again/, 'stderr')
    // Cut off, then nobody there: each reason once, however often it tries.
    expect(tail.stderr.match(/retrying in/g)!.length).toBeLessThanOrEqual(2)
  })

  test('starts with the last events it is asked for', async () => {
    const hub = await startHub()
    const publish = headwater('publish', '--hub', hub.url, '-t', 'a')
    publish.child.stdin.end('one\ntwo\nthree\n')
    expect(await publish.ended()).toBe(0)
    const tail = headwater('tail', '--hub', hub.url, '--since', '-2')
    await tail.said(/three\n/)
    expect(tail.stdout).toBe('two\nthree\n')
  })

  test('ends at SIGINT with exit code 0', async () => {
    const hub = await startHub()
    const tail = headwater('tail', '--hub', hub.url, '--last-event-id', 'earliest')
    await headwater('publish', '--hub', hub.url, '-t', 'a', 'x').ended()
    await tail.said(/x\n/)
    tail.child.kill('SIGINT')
    expect(await tail.ended()).toBe(0)
  })

  test('ends quietly when nobody reads what it prints any more', async () => {
    const hub = await startHub()
    const tail = headwater('tail', '--hub', hub.url, '--last-event-id', 'earliest')
    tail.child.stdout.destroy()
    const publish = headwater('publish', '--hub', hub.url, '-t', 'a')
    publish.child.stdin.end('one\ntwo\nthree\n')
    expect(await tail.ended()).toBe(0)
    expect(tail.stderr).toMatch(/^headwater: connected [^\n]*\n$/)
  })

  test('refused by the hub says why and exits 1', async () => {
    const hub = await startHub()
    const tail = headwater('tail', '--hub', hub.url, '-t', '')
    expect(await tail.ended()).toBe(1)
    expect(tail.stderr).toContain('match is empty')
  })
})

describe('headwater vitals', () => {
  test('says what it does, and publishes readings of this machine', async () => {
    const hub = await startHub()
    const vitals = headwater('vitals', '--hub', hub.url)
    await vitals.said(/publishing this machine's vital signs to topic "vitals"/, 'stderr')
    const tail = headwater('tail', '--hub', hub.url, '-t', 'vitals', '--json', '--last-event-id', 'earliest')
    await tail.said(/\n.*\n/)
    for (const line of tail.stdout.trim().split('\n')) {
      const { type, data } = JSON.parse(line)
      expect(type).toBe('vitals')
      const reading = JSON.parse(data)
      expect(reading).toEqual({
        at: expect.any(Number),
        host: expect.any(String),
        cpuCount: expect.any(Number),
        cpu: expect.any(Number),
        load1: expect.any(Number),
        load5: expect.any(Number),
        load15: expect.any(Number),
        memoryUsedBytes: expect.any(Number),
        memoryTotalBytes: expect.any(Number),
        eventLoopDelayP50Ms: expect.any(Number),
        eventLoopDelayP99Ms: expect.any(Number),
        uptimeSeconds: expect.any(Number),
      })
      expect(reading.cpu).toBeGreaterThanOrEqual(0)
      expect(reading.cpu).toBeLessThanOrEqual(1)
      expect(reading.memoryUsedBytes).toBeLessThan(reading.memoryTotalBytes)
    }
  })

  test('outlives the hub', async () => {
    const listen = ['--listen', `127.0.0.1:${await freePort()}`]
    const first = await startHub(...listen)
    const vitals = headwater('vitals', '--hub', first.url)
    const tail = headwater('tail', '--hub', first.url, '--last-event-id', 'earliest')
    await tail.said(/\n/)
    first.child.kill('SIGKILL')
    await vitals.said(/retrying until/, 'stderr')
    const second = await startHub(...listen)
    const again = headwater('tail', '--hub', second.url, '--last-event-id', 'earliest')
    await again.said(/\n/)
    expect(vitals.child.exitCode).toBeNull()
  })
})
