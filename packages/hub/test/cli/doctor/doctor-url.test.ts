import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer, type RequestListener, type Server } from 'node:http'
import { createSecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { doctorCommand } from '../../../src/cli/doctor.ts'
import { makeCertificate, whyNoCertificates } from '../../certificates.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { headwater } from '../running.ts'
import { nginx, whyNot } from './proxies/proxies.ts'
import { startProxy } from './proxies/running-proxy.ts'
import { startTickingServer } from './ticking-server.ts'

async function doctor(...parameters: string[]) {
  const command = headwater('doctor', ...parameters)
  const code = await command.ended()
  return { code, stdout: command.stdout, stderr: command.stderr }
}

async function listen(server: Pick<Server, 'listen' | 'address' | 'close'>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server as Server, 'listening')
  onTestFinished(() => {
    server.close()
    if ('closeAllConnections' in server) (server as Server).closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

const tick: RequestListener = (request, response) => {
  response.on('error', () => {})
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-transform' })
  let count = Number(request.headers['last-event-id'] ?? Date.now())
  const timer = setInterval(() => response.write(`id: ${++count}\ndata: ${count}\n\n`), 100)
  response.on('close', () => clearInterval(timer))
}

describe('headwater doctor URL', () => {
  test('says that all is well, and exits 0', async () => {
    const { address, stop } = await startTickingServer()
    onTestFinished(stop)
    const { code, stdout, stderr } = await doctor(`http://${address}/`)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(
      /^GET http:\/\/127\.0\.0\.1:\d+\/\nHTTP\/1\.1, status 200; nothing in between names itself\.\n/,
    )
    expect(stdout).toMatch(/\n0 faults, 0 warnings, 1 note; \d+ checks are well\.\n$/)
    // Neither colours nor a line that moves: this is no terminal.
    expect(stdout).not.toContain('\x1b')
  })

  test('exits 1 at a fault, and prints each finding as JSON', async () => {
    const port = await listen(createHttpServer((_, response) => response.writeHead(404).end('Nothing here')))
    const { code, stdout } = await doctor(`http://127.0.0.1:${port}/`, '--json')
    expect(code).toBe(1)
    const findings = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(findings[0]).toEqual({
      id: 'status',
      severity: 'fault',
      seen: 'Status 404. It says: Nothing here',
      why: expect.stringContaining('until the page is reloaded'),
      fix: [{ where: 'here or in the application', lines: [expect.any(String)] }],
      between: [],
    })
  })

  test('prints no secret: not of the URL, nor of a header, nor where the server repeats it', async () => {
    const port = await listen(
      createHttpServer(({ headers, url }, response) => {
        response.writeHead(401, { 'www-authenticate': 'Bearer', server: String(headers['x-api-key']) })
        response.end(`No: ${url} ${headers.authorization} ${headers.cookie} ${headers['x-api-key']}`)
      }),
    )
    const secrets = ['geheim-1', 'geheim-2', 'geheim-3', 'geheim-4', Buffer.from('user:geheim-1').toString('base64')]
    const parameters = [
      `http://user:${secrets[0]}@127.0.0.1:${port}/?authorization=${secrets[1]}&topic=news`,
      ...['-H', `Cookie: session=${secrets[2]}`, '-H', `X-Api-Key: ${secrets[3]}`],
    ]
    for (const json of [[], ['--json']]) {
      const { code, stdout, stderr } = await doctor(...parameters, ...json)
      expect(code).toBe(1)
      expect(stdout).toContain('topic=news')
      for (const secret of secrets) expect(stdout + stderr).not.toContain(secret)
    }
    const nobody = await doctor(parameters[0]!.replace(`:${port}`, ':1'))
    expect(nobody).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^headwater: Nothing listens at 127\.0\.0\.1:1\./),
    })
  })

  test('lets no server write to the terminal what it likes', async () => {
    const port = await listen(
      createHttpServer((_, response) => response.writeHead(500).end('\x1b[2J\x1b]0;title\x07 gone')),
    )
    const { stdout } = await doctor(`http://127.0.0.1:${port}/`)
    expect(stdout).toContain('gone')
    expect(stdout.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
  })

  test.each([
    [['ftp://example.com/'], /^headwater: The URL "ftp:\/\/example\.com\/" is not an http or https URL\./],
    [['http://'], /^headwater: The URL "http:\/\/" is not an http or https URL\./],
    [['http://user:geheim@ex ample/'], /^headwater: The URL is not an http or https URL\./],
    [
      ['127.0.0.1:3000/events'],
      /^headwater: 127\.0\.0\.1:3000\/events is neither a URL nor a directory\. Write a URL with http/,
    ],
    [
      ['http://nowhere.invalid/'],
      /^headwater: There is no host nowhere\.invalid: its name has no address\.|does not answer/,
    ],
    [['http://127.0.0.1:1/'], /^headwater: Nothing listens at 127\.0\.0\.1:1\./],
    [['http://127.0.0.1/', '-H', 'geheim'], /^headwater: -H has a line that is not a header\./],
    [['http://127.0.0.1/', '-H', 'X: a\nb'], /^headwater: -H X has a character that no header may have\./],
    [
      ['http://127.0.0.1/', '-H', 'Transfer-Encoding: chunked'],
      /^headwater: -H Transfer-Encoding is about the connection/,
    ],
    [['http:'], /^headwater: The URL "http:" is not an http or https URL\./],
    [['http://127.0.0.1/', '-X', 'GET', '-d', 'x'], /^headwater: -d is a body, and GET has none\./],
    [['http://127.0.0.1/', '-X', 'get it'], /^headwater: -X get it is not a method/],
    [['http://127.0.0.1/', '-d', '@/no/such/file'], /^headwater: -d @\/no\/such\/file cannot be read: ENOENT/],
    [
      ['http://127.0.0.1/', '--origin', 'app.example.com'],
      /^headwater: --origin app\.example\.com is not the origin of a page\./,
    ],
    [
      ['http://127.0.0.1/', '--timeout', 'long'],
      /^headwater: --timeout long is not a number of seconds from 1 to 3600\./,
    ],
    [['http://127.0.0.1/', '--proxy', 'iis'], /^headwater: --proxy iis is not one of nginx, /],
    [['http://127.0.0.1/', '--http', '3'], /^headwater: --http 3 is not 1\.1 or 2\./],
    [['http://127.0.0.1/', '--direct', 'there'], /^headwater: --direct "there" is not an http or https URL\./],
    [['--timeout', '5'], /^headwater: --timeout is about an event stream\. Write its URL/],
    [['http://127.0.0.1/', '--serve'], /^headwater: --serve takes no URL/],
    [['--serve', 'there'], /^headwater: --serve there is not an address\./],
  ])('says in one line what is wrong with %j, and exits 2', async (parameters, line) => {
    const { code, stdout, stderr } = await doctor(...parameters)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(line)
    expect(stderr).not.toContain('geheim')
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  test('says in one line that a server does not speak HTTP, closes, or speaks no TLS', async () => {
    const silent = (talk: (socket: Socket) => void) =>
      createTcpServer((socket) => {
        socket.on('error', () => {})
        talk(socket)
      }) as unknown as Server
    const [ssh, closing] = [
      await listen(silent((socket) => socket.write('SSH-2.0-OpenSSH_9.2\r\n'))),
      await listen(silent((socket) => socket.end())),
    ]
    const plain = await listen(createHttpServer(tick))
    expect((await doctor(`http://127.0.0.1:${ssh}/`)).stderr).toMatch(
      /^headwater: 127\.0\.0\.1:\d+ answers, but does not speak HTTP \(.*\)\. Check the port\.\n$/,
    )
    expect((await doctor(`http://127.0.0.1:${closing}/`)).stderr).toMatch(
      /^headwater: 127\.0\.0\.1:\d+ closes the connection without an answer\./,
    )
    const otherVersion = await doctor(`http://127.0.0.1:${plain}/`, '--http', '2')
    expect(otherVersion).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^headwater: 127\.0\.0\.1:\d+ /),
    })
    const tls = await doctor(`https://127.0.0.1:${plain}/`)
    expect(tls).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^headwater: 127\.0\.0\.1:\d+ does not speak TLS\. Try http:\/\//),
    })
  })

  test.skipIf(whyNoCertificates())('refuses a certificate as browsers do, and looks with --insecure', async () => {
    const port = await listen(createHttpsServer(makeCertificate(), tick))
    const url = `https://localhost:${port}/`
    const refused = await doctor(url)
    expect(refused).toEqual({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(
        /^headwater: The certificate of localhost:\d+ is not one that this machine trusts \(.*\)\. --insecure looks/,
      ),
    })
    const { code, stdout } = await doctor(url, '--insecure', '--json')
    expect(code).toBe(1)
    const ids = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).id)
    expect(ids).toEqual(expect.arrayContaining(['certificate', 'six-connections', 'resume']))
  })

  test.skipIf(whyNoCertificates())('speaks HTTP/2 where it is offered', async () => {
    const server = createSecureServer({ ...makeCertificate(), allowHTTP1: true }, (request, response) => {
      response.stream?.on('error', () => {})
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      let count = Number(request.headers['last-event-id'] ?? Date.now())
      const timer = setInterval(() => response.write(`id: ${++count}\ndata: ${count}\n\n`), 100)
      response.on('close', () => clearInterval(timer))
    })
    const port = await listen(server as unknown as Server)
    const { stdout } = await doctor(`https://localhost:${port}/`, '--insecure')
    expect(stdout).toContain('\nHTTP/2, status 200;')
    expect(stdout).toContain('HTTP/2: a browser can keep about 100 streams open to this host.')
  })

  test('ends quietly when its reader goes away', async () => {
    const port = await listen(createHttpServer((_, response) => response.writeHead(404).end()))
    const command = headwater('doctor', `http://127.0.0.1:${port}/`)
    command.child.stdout.destroy()
    await command.ended()
    expect(command.stderr).toBe('')
  })

  test('looks at a directory that is named without --store, as before', async () => {
    const directory = join(temporaryDirectory(), 'none')
    for (const place of [directory, `file:${directory}`]) {
      expect(await doctor(place)).toEqual({
        code: 1,
        stdout: `BAD  directory: there is no ${directory}. A hub makes one when it starts.\n`,
        stderr: '',
      })
    }
  })

  test('has examples in its help that work', async () => {
    let help = ''
    doctorCommand()
      .configureOutput({ writeOut: (text) => (help += text) })
      .outputHelp()
    const examples = [...help.matchAll(/^ {2}headwater doctor (?<rest>http.*)$/gm)].map(({ groups }) => groups!.rest!)
    expect(examples.length).toBeGreaterThanOrEqual(3)
    const { address, stop } = await startTickingServer()
    onTestFinished(stop)
    for (const example of examples) {
      const parameters = example
        .replace(/https?:\/\/(example\.com|127\.0\.0\.1:3000)/, `http://${address}`)
        .replace('…', 'abc')
        .match(/'[^']*'|\S+/g)!
        .map((each) => each.replaceAll("'", ''))
      const { code, stderr } = await doctor(
        ...parameters,
        '--timeout',
        '4',
        ...(example.includes('--deep') ? ['--deep', '2'] : []),
      )
      expect({ example, code: code === 0 || code === 1, stderr }).toEqual({ example, code: true, stderr: '' })
    }
  })
})

test.skipIf(whyNot(nginx))(
  'docs/doctor.md has what it prints in front of an nginx without a line about streams',
  async () => {
    const server = headwater('doctor', '--serve', '127.0.0.1:0')
    const [, address] = await server.said(/^headwater doctor listening on http:\/\/(\S+)\n/)
    const proxy = await startProxy(nginx, address!, { parts: { location: '' } })
    onTestFinished(proxy.stop)
    const { code, stdout } = await doctor(proxy.url)
    expect(code).toBe(0)
    const plain = (text: string) =>
      text
        .replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:8080')
        .replaceAll(/nginx\/\d+\.\d+\.\d+/g, 'nginx/1.22.1')
        .trimEnd()
    const path = new URL('../../../../../docs/doctor.md', import.meta.url)
    const block = /(?<=about streams:\n\n```text\n)[\s\S]*?(?=```)/
    if (process.env.HEADWATER_WRITE_DOCS)
      writeFileSync(path, readFileSync(path, 'utf8').replace(block, `${plain(stdout)}\n`))
    expect(block.exec(readFileSync(path, 'utf8'))?.[0].trimEnd()).toBe(plain(stdout))
    server.child.kill('SIGTERM')
    expect(await server.ended()).toBe(0)
  },
)
