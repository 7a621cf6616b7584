import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { get, type IncomingMessage, request } from 'node:http'
import { get as httpsGet } from 'node:https'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Certificate } from '../../../src/http/server/tls.ts'
import { certificateFiles, makeCertificate, whyNoCertificates } from '../../certificates.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { headwater, serveHub, startHub } from '../running.ts'

const hubPath = '/.well-known/mercure'

/** Opens a stream. `broken` is what came until it broke off; it fails if the response ends. */
async function openStream(url: string): Promise<{ broken: Promise<string> }> {
  const [response] = (await once(get(`${url}${hubPath}?match=a`), 'response')) as [IncomingMessage]
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  return { broken: once(response, 'error').then(() => text) }
}

describe('headwater serve', () => {
  test('prints one line to standard output when it is ready, and what --dev means to standard error', async () => {
    const hub = await startHub()
    expect((await fetch(`${hub.url}/healthz`)).status).toBe(200)
    expect(hub.stdout).toBe(`headwater listening on ${hub.url}\n`)
    await hub.said(/--dev: anyone on this machine may publish and subscribe/, 'stderr')
    expect(hub.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
  })

  test('has the lessons of /learn with --dev alone', async () => {
    const log = async (hub: { readonly url: string }) => {
      const response = await fetch(`${hub.url}/learn/log?run=r`)
      await response.body?.cancel()
      return response.status
    }
    expect(await log(await startHub())).toBe(200)
    const [issuer, audience] = ['https://example.com', 'https://hub.example.com']
    const keys = ['--publisher-key', 'k'.repeat(32), '--key-alg', 'HS256', '--issuer', issuer, '--audience', audience]
    expect(await log(await serveHub('--anonymous', ...keys))).toBe(404)
  })

  test.each(['SIGTERM', 'SIGINT'] as const)(
    'at %s ends its streams with a time to come back, and exits 0',
    async (signal) => {
      const hub = await startHub()
      const streams = await Promise.all(Array.from({ length: 20 }, () => openStream(hub.url)))
      hub.child.kill(signal)
      const texts = await Promise.all(streams.map((stream) => stream.broken))
      for (const text of texts) expect(text).toMatch(/retry: \d+\nid: \S+\n\n$/)
      expect(new Set(texts.map((text) => /retry: (\d+)\nid: \S+\n\n$/.exec(text)![1])).size).toBeGreaterThan(10)
      expect(await hub.ended()).toBe(0)
      expect(hub.stdout).toBe(`headwater listening on ${hub.url}\n`)
    },
  )

  test('at a second signal ends at once, whatever is under way', async () => {
    const hub = await startHub()
    const stuck = request(`${hub.url}${hubPath}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': 10, expect: '100-continue' },
    })
    const failed = once(stuck, 'error')
    stuck.flushHeaders()
    await once(stuck, 'continue')
    hub.child.kill('SIGTERM')
    await hub.said(/stopping:/, 'stderr')
    hub.child.kill('SIGTERM')
    expect(await hub.ended()).toBe(1)
    await failed
  })

  test.each([
    [['serve'], 2, 'Without --dev'],
    [['serve', '--dev', '--listen', '0.0.0.0:0'], 2, 'does not listen on 0.0.0.0'],
    [['serve', '--dev', '--listen', '[::]:0'], 2, 'does not listen on ::'],
    [['serve', '--dev', '--listen', '192.168.1.1:80'], 2, '192.168.1.1'],
    [['serve', '--dev', '--listen', 'example.com:80'], 2, 'example.com'],
    [['serve', '--dev', '--listen', '3000'], 2, '--listen 3000 is not an address'],
    [['serve', '--dev', '--listen', '127.0.0.1'], 2, '--listen 127.0.0.1 is not an address'],
    [['serve', '--dev', '--listen', '127.0.0.1:70000'], 2, 'up to 65535'],
    [['serve', '--dev', '--listen', '[localhost]:1'], 2, '[::1]:3000'],
    [['serve', '--dev', '--store', 'redis://x'], 2, '--store: "redis://x" is not the URL of a store'],
    [['serve', '--dev', '--store', 'file:'], 2, '--store: "file:" is not the URL of a store'],
    [['serve', '--dev', '--durability', 'none'], 2, 'full, fast'],
    [['serve', '--dev', '--max-age', '30'], 2, '--max-age'],
    [['serve', '--dev', '--max-events', '0'], 2, '--max-events 0'],
    [['serve', '--dev', '--max-bytes', 'much'], 2, '--max-bytes much'],
    [
      ['serve', '--dev', '--store', 'memory:', '--cors-origins', 'https://a.example/,b'],
      2,
      'Did you mean https://a.example?',
    ],
    [['serve', '--dev', '--tls-cert', 'x.pem'], 2, '--tls-cert and --tls-key go together'],
    [['serve', '--dev', '--tls-cert', 'no.pem', '--tls-key', 'no.pem'], 2, 'no.pem cannot be read'],
    [['serve', '--dev', '--port', '80'], 2, 'Use --listen 127.0.0.1:3000'],
    [['serve', '--dev', '--bogus'], 2, "unknown option '--bogus'"],
    [['serve', '--dev', '--listen'], 2, 'argument missing'],
    [['serve', '--dev', 'extra'], 2, 'too many arguments'],
    [['frobnicate'], 2, "unknown command 'frobnicate'"],
    [['publish', 'x'], 2, '--topic'],
    [['publish', '-t', 'a', '--wait', 'soon', 'x'], 2, '--wait soon'],
    [['publish', '-t', 'a', '--hub', 'localhost:3000', 'x'], 2, '--hub localhost:3000'],
    [['publish', '-t', 'a', '--id', 'x'], 2, '--id names one event'],
    [['publish', '-t', 'a', '--retry', 'soon'], 2, '--retry soon'],
    [['tail', '-n', 'many'], 2, '-n many is not a number'],
    [['tail', '--hub', 'ftp://x'], 2, '--hub ftp://x'],
    [['vitals', '--hub', ''], 2, '--hub '],
  ])('is refused as %j with exit code %i and one clear line', async (parameters, code, reason) => {
    const command = headwater(...parameters)
    command.child.stdin.end()
    expect(await command.ended()).toBe(code)
    expect(command.stderr).toContain(reason)
    expect(command.stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
    expect(command.stderr).not.toMatch(/^\s+at /m)
    expect(command.stdout).toBe('')
  })

  test('keeps events in its directory, where the next one finds them after kill -9', async () => {
    const directory = temporaryDirectory()
    const store = ['--store', `file:${join(directory, 'data')}`]
    const first = await startHub(...store)
    const publish = (hub: { url: string }, data: string) =>
      fetch(hub.url + hubPath, { method: 'POST', body: new URLSearchParams({ topic: 'a', data }) })
    const id = await (await publish(first, '1')).text()
    await publish(first, '2')
    first.child.kill('SIGKILL')
    await first.ended()
    const second = await startHub(...store, '--max-events', '2', '--durability', 'fast', '--max-bytes', '1MiB')
    expect((await fetch(`${second.url}/readyz`)).status).toBe(200)
    await publish(second, '3')
    const tail = headwater('tail', '--hub', second.url, '--last-event-id', id)
    await tail.said(/3\n/)
    expect(tail.stdout).toBe('2\n3\n')
    // Of events that were missed, it says nothing.
    expect(tail.stderr).toMatch(/^headwater: connected to [^\n]*\n$/)
  })

  test('does not share its directory, and says who has it', async () => {
    const directory = temporaryDirectory()
    await startHub('--store', `file:${directory}`)
    const second = headwater('serve', '--dev', '--listen', ':0', '--store', `file:${directory}`)
    expect(await second.ended()).toBe(1)
    expect(second.stderr).toContain(directory)
    expect(second.stderr.trim().split('\n').length).toBe(1)
  })

  test.skipIf(whyNoCertificates())('at SIGHUP reads its certificate again, and drops nobody', async () => {
    const { certPath, keyPath, write } = certificateFiles(temporaryDirectory())
    const [first, second] = [makeCertificate(), makeCertificate()]
    write(first)
    const hub = await startHub('--tls-cert', certPath, '--tls-key', keyPath)
    const { url } = hub
    const ask = (ca: Certificate['cert'], path: string) => once(httpsGet(url + path, { ca, agent: false }), 'response')
    const [stream] = await ask(first.cert, `${hubPath}?match=a`)
    writeFileSync(keyPath, second.key)
    hub.child.kill('SIGHUP')
    await hub.said(/match each other/, 'stderr')
    write(second)
    hub.child.kill('SIGHUP')
    await hub.said(/reloaded the certificate/, 'stderr')
    const [healthy] = await ask(second.cert, '/healthz')
    expect([healthy.statusCode, stream.statusCode, stream.complete]).toEqual([200, 200, false])
    stream.destroy()
  })

  test('on a port that is taken says so in one line and exits 1', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    onTestFinished(() => void other.close())
    const { port } = other.address() as { port: number }
    const hub = headwater('serve', '--dev', '--store', 'memory:', '--listen', `127.0.0.1:${port}`)
    expect(await hub.ended()).toBe(1)
    expect(hub.stderr).toContain(`Cannot listen on 127.0.0.1:${port}: something else already does`)
    expect(hub.stderr.trim().split('\n').length).toBe(1)
  })

  test('with --dev answers no foreign host name, so that no page can be made to point here', async () => {
    const hub = await startHub()
    const foreign = get(`${hub.url}${hubPath}?match=*`, { headers: { host: 'evil.example' } })
    const [response] = await once(foreign, 'response')
    response.resume()
    expect(response.statusCode).toBe(421)
  })

  test('lets the origins it is given use it', async () => {
    const hub = await startHub(
      '--cors-origins',
      'https://a.example,https://b.example',
      '--cors-origins',
      'https://c.example',
    )
    for (const origin of ['https://a.example', 'https://b.example', 'https://c.example']) {
      const response = await fetch(`${hub.url}${hubPath}`, {
        method: 'POST',
        body: new URLSearchParams({ topic: 'a' }),
        headers: { origin },
      })
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([200, origin])
    }
  })
})

describe('headwater --help', () => {
  test.each([[[]], [['serve']], [['publish']], [['tail']], [['doctor']], [['vitals']]])(
    'of %j says what it does, with examples',
    async (command) => {
      const help = headwater(...command, '--help')
      expect(await help.ended()).toBe(0)
      expect(help.stdout).toMatch(/^Usage: headwater/)
      if (command[0] !== 'vitals') expect(help.stdout).toMatch(/Examples:|Try it/)
      expect(help.stderr).toBe('')
    },
  )

  test('and --version say the version', async () => {
    const version = headwater('--version')
    expect(await version.ended()).toBe(0)
    expect(version.stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})
