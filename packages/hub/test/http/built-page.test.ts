import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { BuiltPage } from '../../src/http/built-page.ts'
import { type HubServer, listen } from '../../src/http/server/server.ts'
import { createHubCore } from '../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

async function serveDashboard(dashboard: BuiltPage): Promise<HubServer> {
  const hub = await createHubCore({ store: createMemoryStore() })
  const server = await listen(hub, { host: '127.0.0.1', port: 0, dashboard })
  onTestFinished(() => server.close({ deadlineMs: 100 }))
  return server
}

describe('the page', () => {
  function directory(files: Record<string, string>): string {
    const path = temporaryDirectory()
    mkdirSync(join(path, 'sub'))
    for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text)
    return path
  }

  test('is served with its type, a policy that lets nothing else in, and revalidated by its tag', async () => {
    const dashboard = new BuiltPage(
      directory({ 'index.html': '<h1>hub</h1>', 'app.js': '1', 'sub/a.css': '', 'secret.key': 'k' }),
      '/.well-known/mercure',
    )
    const server = await serveDashboard(dashboard)
    const types = {
      '/': 'text/html',
      '/index.html': 'text/html',
      '/app.js': 'text/javascript',
      '/sub/a.css': 'text/css',
    }
    for (const [path, type] of Object.entries(types)) {
      const response = await fetch(server.url + path)
      expect([path, response.status, response.headers.get('content-type')]).toEqual([
        path,
        200,
        `${type}; charset=utf-8`,
      ])
      expect(response.headers.get('cache-control')).toBe('no-cache')
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'; script-src 'self'")
      expect(response.headers.get('x-content-type-options')).toBe('nosniff')
      const again = await fetch(server.url + path, { headers: { 'if-none-match': response.headers.get('etag')! } })
      expect([again.status, await again.text()]).toEqual([304, ''])
    }
    const head = await fetch(`${server.url}/`, { method: 'HEAD' })
    expect([head.headers.get('content-length'), await head.text()]).toEqual(['12', ''])
    expect((await fetch(`${server.url}/secret.key`)).status).toBe(404)
    expect((await fetch(`${server.url}/`, { method: 'POST' })).headers.get('allow')).toBe('GET, HEAD')
  })

  test('is compressed for clients that accept it', async () => {
    const script = 'let answer = 42\n'.repeat(1000)
    const server = await serveDashboard(new BuiltPage(directory({ 'app.js': script, 'small.js': '1' }), '/hub'))
    const get = (path: string, coding: string) => fetch(server.url + path, { headers: { 'accept-encoding': coding } })
    const gzipped = await get('/app.js', 'gzip')
    expect([gzipped.headers.get('content-encoding'), gzipped.headers.get('vary')]).toEqual(['gzip', 'Accept-Encoding'])
    expect(Number(gzipped.headers.get('content-length'))).toBeLessThan(1000)
    expect(await gzipped.text()).toBe(script)
    const plain = await get('/app.js', 'identity')
    expect([plain.headers.get('content-encoding'), await plain.text()]).toEqual([null, script])
    expect((await get('/small.js', 'gzip')).headers.get('content-encoding')).toBe(null)
  })

  test('learns where the hub is, relative to itself', async () => {
    const page = '<meta name="hub" content=".well-known/mercure">'
    const dashboard = new BuiltPage(directory({ 'index.html': page, 'app.js': page }), '/api/hub')
    const server = await serveDashboard(dashboard)
    expect(await (await fetch(server.url)).text()).toBe('<meta name="hub" content="api/hub">')
    expect(await (await fetch(`${server.url}/app.js`)).text()).toBe(page)
  })

  test('that was not built leaves a word in its place', async () => {
    const server = await serveDashboard(
      new BuiltPage(join(tmpdir(), 'headwater-no-such-directory'), '/.well-known/mercure'),
    )
    expect(await (await fetch(server.url)).text()).toContain('npm run build')
  })
})
