import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import type { Browser, Page } from 'puppeteer-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { launchBrowser } from '../../../../../conformance/runners/browser.ts'
import { createHub, type Hub } from '../../../src/create-hub.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { type FetchServer, serveFetch } from '../serve-fetch.ts'
import { chatRoutes } from './chat-server.ts'
import { type ScriptedModel, scriptedModel } from './mock-model.ts'

let browser: Browser
let script: string
let hub: Hub
let server: FetchServer
let model: ScriptedModel
let page: Page

beforeAll(async () => {
  browser = await launchBrowser('Chromium')
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('use-chat-page.ts', import.meta.url))],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['@headwater/source'],
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
    logLevel: 'silent',
  })
  script = outputFiles[0]!.text
})

afterAll(() => browser?.close())

beforeEach(async () => {
  hub = await createHub({ store: createMemoryStore(), onError: () => {} })
  model = scriptedModel()
  const routes = chatRoutes(hub, { model: model.model })
  server = await serveFetch((request) => {
    const { pathname } = new URL(request.url)
    if (pathname === '/page.js') return new Response(script, { headers: { 'content-type': 'text/javascript' } })
    if (pathname.startsWith('/api/')) return routes(request)
    const html = '<!doctype html><meta charset="utf-8"><script type="module" src="/page.js"></script>'
    return new Response(html, { headers: { 'content-type': 'text/html' } })
  })
  page = await browser.newPage()
  await page.goto(server.url)
  await page.waitForFunction('typeof ask === "function"')
})

afterEach(async () => {
  await page.close()
  await server.close()
  await hub.close()
})

const asked = { role: 'user', text: 'Why?' }
const shown = async () => JSON.parse(await page.$eval('output', (output) => output.textContent!)) as unknown
const status = () => page.$eval('output', (output) => (output as unknown as HTMLElement).dataset.status)
const resumes = () => server.requests.filter(({ method, url }) => method === 'GET' && url === '/api/chat/chat/stream')
/** The text in the responses to requests that resume. */
const resumed = () =>
  server.requests.flatMap(({ method, url }, index) =>
    method === 'GET' && url === '/api/chat/chat/stream'
      ? [[...server.sent[index]!.matchAll(/"delta":"([^"]*)"/g)].map(([, text]) => text)]
      : [],
  )

describe('useChat of @ai-sdk/react in Chromium', () => {
  it('does not notice that the connection broke, and gets only the rest', async () => {
    await page.evaluate('ask("Why?")')
    await model.write('one ')
    await expect.poll(shown).toEqual([asked, { role: 'assistant', text: 'one ' }])
    server.cut()
    await model.write('two ')
    await expect.poll(shown).toEqual([asked, { role: 'assistant', text: 'one two ' }])
    expect(await status()).toBe('streaming')
    await model.finish()
    await expect.poll(status).toBe('ready')
    expect(await shown()).toEqual([asked, { role: 'assistant', text: 'one two ' }])
    expect(resumed()).toEqual([['two ']])
  })

  it('shows the whole message once after the page was reloaded in its middle', async () => {
    await page.evaluate('ask("Why?")')
    await model.write('one ')
    await expect.poll(shown).toEqual([asked, { role: 'assistant', text: 'one ' }])
    await page.goto('about:blank')
    await model.write('two ')
    await page.goto(`${server.url}/#resume`)
    await expect.poll(shown).toEqual([{ role: 'assistant', text: 'one two ' }])
    server.cut()
    await model.write('three')
    await model.finish()
    await expect.poll(status).toBe('ready')
    expect(await shown()).toEqual([{ role: 'assistant', text: 'one two three' }])
    expect(resumes()[0]?.lastEventId).toBeNull()
    expect(resumed().at(-1)).toEqual(['three'])
  })

  it('keeps what it has of a message that is stopped, and the model is aborted', async () => {
    await page.evaluate('ask("Why?")')
    await model.write('one ')
    await expect.poll(shown).toEqual([asked, { role: 'assistant', text: 'one ' }])
    await page.evaluate('stop()')
    expect(await model.aborted).toMatchObject({ code: 'STREAM_ENDED' })
    await expect.poll(status).toBe('ready')
    expect(await shown()).toEqual([asked, { role: 'assistant', text: 'one ' }])
  })

  it('has nothing to resume where there is nothing', async () => {
    await page.goto('about:blank')
    await page.goto(`${server.url}/#resume`)
    await expect.poll(() => resumes().length).toBe(1)
    await expect.poll(status).toBe('ready')
    expect(await shown()).toEqual([])
  })
})
