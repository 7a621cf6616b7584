import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import puppeteer, { type Browser, type Page } from 'puppeteer-core'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { freePort } from '../conformance/runners/free-port.ts'
import { installed } from '../conformance/runners/runtimes.ts'
import { root } from './docs/markdown.ts'

const certificate = ['cert', 'key'].map((part) =>
  join(root, `examples/http2/localhost-${part === 'cert' ? 'certificate' : 'key'}.pem`),
)

// docs/signed-in-users.md, as it is: the application of examples/signed-in and a hub, at two host names of one site.
describe.each([
  { scheme: 'https', site: 'example.com', cookie: '__Secure-mercure_access_token' },
  { scheme: 'http', site: 'example.localhost', cookie: 'mercure_access_token' },
])('signed-in users over $scheme at www.$site and hub.$site', ({ scheme, site, cookie }) => {
  let browser: Browser
  beforeAll(async () => {
    browser = await puppeteer.launch({
      executablePath: installed.chromium.path,
      args: [
        ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--ignore-certificate-errors'],
        `--host-resolver-rules=MAP *.${site} 127.0.0.1`,
      ],
    })
  })
  afterAll(() => browser?.close())

  /** Both servers, and a page that nobody is signed in to. */
  async function start(tokenLifetime: number) {
    const folder = mkdtempSync(join(tmpdir(), 'headwater-signed-in-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))
    for (const role of ['publisher', 'subscriber']) {
      writeFileSync(join(folder, `${role}.secret`), `${randomBytes(48).toString('base64')}\n`)
    }
    const [appPort, hubPort] = [await freePort(), await freePort()]
    const [appUrl, hubUrl] = [`${scheme}://www.${site}:${appPort}`, `${scheme}://hub.${site}:${hubPort}`]
    const hub = await Running.start(folder, { log: true }, [
      ...[join(root, 'packages/hub/dist/cli/main.js'), 'serve', '--store', 'memory:', '--threads', '1'],
      ...['--listen', `127.0.0.1:${hubPort}`, '--cors-origins', appUrl, '--cookie', cookie],
      ...[
        '--publisher-key',
        'file:publisher.secret',
        '--subscriber-key',
        'file:subscriber.secret',
        '--key-alg',
        'HS256',
      ],
      ...['--issuer', 'https://example.com', '--audience', `${hubUrl}/.well-known/mercure`],
      ...['--log-level', 'debug', '--log-format', 'json'],
      ...(scheme === 'https' ? ['--tls-cert', certificate[0]!, '--tls-key', certificate[1]!] : []),
    ])
    await Running.start(
      folder,
      {
        ...{ PORT: `${appPort}`, APP_URL: appUrl, HUB_URL: hubUrl, HUB_INSIDE: `${scheme}://localhost:${hubPort}` },
        TOKEN_LIFETIME: `${tokenLifetime}`,
        ...(scheme === 'https' && { TLS_CERT: certificate[0], TLS_KEY: certificate[1] }),
        NODE_TLS_REJECT_UNAUTHORIZED: '0',
      },
      ['--no-warnings', join(root, 'examples/signed-in/app.ts')],
    )
    const context = await browser.createBrowserContext()
    onTestFinished(() => context.close())
    const page = await context.newPage()
    await page.goto(appUrl)
    return { page, hub, appUrl, hubUrl, context }
  }

  it('gives each user what is theirs, over as many renewals as it takes', async () => {
    const { page, hub, appUrl, hubUrl } = await start(8)
    await signIn(page, 'ada')
    const [set] = (await page.cookies(`${hubUrl}/.well-known/mercure`)).filter(({ name }) => name === cookie)
    expect(set).toMatchObject({
      domain: `.${site}`,
      path: '/.well-known/mercure',
      httpOnly: true,
      secure: scheme === 'https',
    })

    const other = await (await browser.createBrowserContext()).newPage()
    onTestFinished(() => other.browserContext().close())
    await other.goto(appUrl)
    await signIn(other, 'bob')
    await write(other, 'of bob')
    await untilNotes(other, ['of bob'])

    const notes: string[] = []
    // Each stream ends with its token, and the browser comes back with the cookie that has been renewed meanwhile.
    for (let round = 1; streamsOf(hub) < 2 * 2; round++) {
      notes.push(`round ${round}`)
      await write(page, notes.at(-1)!)
      await untilNotes(page, notes)
      await new Promise((resolve) => setTimeout(resolve, 500))
    }
    expect(await notesOf(page)).toEqual(notes)
    expect(hub.lines.filter(({ event }) => event === 'token-refused')).toEqual([])
  })

  it('resumes where it was after its cookie expired while the computer slept', async () => {
    const { page, hub } = await start(6)
    await signIn(page, 'ada')
    await write(page, 'before')
    await untilNotes(page, ['before'])
    // Nothing of the page reaches the application, as while a computer sleeps.
    await page.setRequestInterception(true)
    let isAsleep = true
    page.on('request', (request) =>
      isAsleep && request.url().endsWith('/renew') ? request.abort() : request.continue(),
    )
    await expect.poll(() => hub.lines.some(({ event }) => event === 'token-refused')).toBe(true)
    const { body, status } = await page.evaluate(async () => {
      const response = await fetch('/notes', { method: 'POST', body: 'while it slept' })
      return { body: await response.text(), status: response.status }
    })
    expect({ body, status }).toEqual({ body: '', status: 204 })
    isAsleep = false
    await untilNotes(page, ['before', 'while it slept'])
    await untilState(page, 'live')
  })

  it('receives nothing any more soon after its user has signed out in another tab', async () => {
    const { page, appUrl, context } = await start(6)
    await signIn(page, 'ada')
    const tab = await context.newPage()
    await tab.goto(appUrl)
    await Promise.all([tab.waitForNavigation(), tab.click('[action="/sign-out"] button')])
    await untilState(page, 'signed out')
  })
})

async function signIn(page: Page, name: string): Promise<void> {
  await page.type('[name=name]', name)
  await Promise.all([page.waitForNavigation(), page.click('[action="/sign-in"] button')])
  await untilState(page, 'live')
}

async function write(page: Page, note: string): Promise<void> {
  expect(
    await page.evaluate((body) => fetch('/notes', { method: 'POST', body }).then(({ status }) => status), note),
  ).toBe(204)
}

const notesOf = (page: Page) => page.$$eval('#notes li', (items) => items.map(({ textContent }) => textContent))

async function untilState(page: Page, state: string): Promise<void> {
  await expect.poll(() => page.$eval('#state', ({ textContent }) => textContent)).toBe(state)
}

async function untilNotes(page: Page, notes: readonly string[]): Promise<void> {
  await expect.poll(() => notesOf(page)).toEqual(notes)
}

/** How many event streams a hub has begun. */
const streamsOf = ({ lines }: Running) =>
  lines.filter(({ event, method, status }) => event === 'request' && method === 'GET' && status === 200).length

/** A server in a process of its own, ended with its test. */
class Running {
  /** What it logged, if that is JSON. */
  readonly lines: Record<string, unknown>[] = []

  static async start(cwd: string, env: Record<string, unknown>, command: string[]): Promise<Running> {
    const child: ChildProcessByStdio<null, Readable, Readable> = spawn(process.execPath, command, {
      ...{ cwd, stdio: ['ignore', 'pipe', 'pipe'] },
      env: { ...process.env, ...env } as NodeJS.ProcessEnv,
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const running = new Running()
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text) => {
      errors += text
      const whole = errors.split('\n')
      errors = whole.pop()!
      for (const line of whole) if (line.startsWith('{')) running.lines.push(JSON.parse(line))
    })
    const [said] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit')])
    if (child.exitCode !== null) throw new Error(`${command[0]} ended with ${said}: ${errors}`)
    return running
  }
}
