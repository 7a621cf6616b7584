import { describe, expect, test } from 'vitest'
import { freePort } from '../../../../../conformance/runners/free-port.ts'
import { OnTerminal, whyNoTerminal } from '../pseudo-terminal.ts'
import { headwater, serveHub, startHub } from '../running.ts'

describe('headwater top without a terminal', () => {
  test('prints one report, without colours or commands to a terminal', async () => {
    const hub = await startHub()
    await headwater('publish', '--hub', hub.url, '-t', 'orders', 'x').ended()
    const top = headwater('top', hub.url)
    expect(await top.ended()).toBe(0)
    expect(top.stdout).toMatch(/^headwater top {2}127\.0\.0\.1:\d+ {2}up \d+s\npublished /)
    expect(top.stdout).toMatch(/^orders +/m)
    expect(top.stdout).toContain('nobody is subscribed')
    expect(top.stdout).not.toContain('\x1b')
  })

  test('--json prints what there is for a program', async () => {
    const hub = await startHub()
    const top = headwater('top', hub.url, '--json')
    expect(await top.ended()).toBe(0)
    expect(JSON.parse(top.stdout)).toMatchObject({ stats: { version: 1, totals: {} }, subscribers: { total: 0 } })
  })

  test('needs the right to observe, and says so', async () => {
    const rules = ['--key-alg', 'HS256', '--issuer', 'https://a.example', '--audience', 'https://a.example/h']
    const hub = await serveHub('--anonymous', '--publisher-key', 'x'.repeat(32), ...rules)
    const top = headwater('top', hub.url)
    expect(await top.ended()).toBe(1)
    expect(top.stderr).toContain('top needs the right to observe: 401')
  })
})

describe.skipIf(whyNoTerminal())('headwater top on a terminal', () => {
  test('takes the whole of it, and gives it back at q', async () => {
    const hub = await startHub()
    const top = OnTerminal.headwater(['top', hub.url])
    await top.shows(/q quit/)
    top.type('t')
    await top.shows(/by events/)
    top.type('s')
    await top.shows(/by unsent/)
    top.type('p')
    await top.shows(/paused/)
    top.type('q')
    expect(await top.ended()).toBe(0)
    expect(top.output.startsWith('\x1b[?1049h\x1b[?25l')).toBe(true)
    expect(top.output.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true)
  })

  test('gives it back at Ctrl-C, too', async () => {
    const hub = await startHub()
    const top = OnTerminal.headwater(['top', hub.url])
    await top.shows(/q quit/)
    top.type('\x03')
    expect(await top.ended()).toBe(0)
    expect(top.output.endsWith('\x1b[?25h\x1b[?1049l')).toBe(true)
  })

  test('says that the hub is away, and goes on when it is back', async () => {
    const listen = ['--listen', `127.0.0.1:${await freePort()}`]
    const first = await startHub(...listen)
    const top = OnTerminal.headwater(['top', first.url])
    await top.shows(/q quit/)
    first.child.kill('SIGKILL')
    await top.shows(/trying again/)
    await startHub(...listen)
    const before = top.output.length
    for (;;) {
      await top.shows(/./)
      if (/live/.test(top.output.slice(before))) break
      await new Promise((resolve) => setImmediate(resolve))
    }
    top.type('q')
    expect(await top.ended()).toBe(0)
  })
})
