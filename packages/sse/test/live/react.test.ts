import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, onTestFinished, test } from 'vitest'
import { describeInBrowser } from '../../../../conformance/runners/describe-in-browser.ts'
import { createTestServer, type Script } from '../../src/testing/index.ts'

// What only React has. What all bindings have is in frameworks.test.ts.

/** Where another component has events already when a page of a server is taken over. */
const hydrating = (url: string) => `
import { hydrateRoot } from 'react-dom/client'
import { liveEvents } from '../../src/live/index.ts'

globalThis.renders = []
globalThis.mismatches = []
function Component() {
  const { state, events } = useEvents('${url}')
  renders.push(state + ' ' + events.length)
  return createElement('p', null, state + ' ' + events.length)
}
liveEvents('${url}').subscribe(({ last }) => {
  if (!last || globalThis.hydrated) return
  globalThis.hydrated = hydrateRoot(document.getElementById('root'), createElement(Component), {
    onRecoverableError: (error) => mismatches.push(String(error)),
  })
})`

const selecting = (url: string) => `
import { createRoot } from 'react-dom/client'

globalThis.renders = { state: [], data: [] }
function State() {
  const state = useEvents('${url}', { select: (snapshot) => snapshot.state })
  renders.state.push(state)
  return null
}
function Data() {
  // A value that is made anew each time it is selected.
  const data = useEvents('${url}', { select: ({ events }) => events.map(({ data }) => data) })
  renders.data.push(data.join())
  return createElement('p', null, data.join())
}
createRoot(document.getElementById('root')).render([createElement(State, { key: 1 }), createElement(Data, { key: 2 })])`

describeInBrowser('useEvents of React', 'Chromium', (browser) => {
  /** A page that a server has rendered, with the script that takes it over. */
  async function open(script: (url: string) => string, stream: Script, html = '') {
    const streams = await createTestServer(stream)
    const { outputFiles } = await build({
      stdin: {
        contents: `import { createElement } from 'react'
import { useEvents } from '../../src/live/react.ts'
${script(streams.url)}`,
        resolveDir: fileURLToPath(new URL('.', import.meta.url)),
      },
      bundle: true,
      write: false,
      format: 'iife',
      define: { 'process.env.NODE_ENV': '"development"' },
      logLevel: 'error',
    })
    const code = outputFiles[0]!.text.replaceAll('</script', '<\\/script')
    const page = `<!doctype html><div id="root">${html}</div><script>${code}</script>`
    const pages = createServer((_, response) => response.setHeader('content-type', 'text/html').end(page))
    await new Promise<void>((resolve) => pages.listen(0, '127.0.0.1', resolve))
    const tab = await browser().newPage()
    onTestFinished(async () => {
      await tab.close()
      await streams.close()
      pages.closeAllConnections()
      pages.close()
    })
    await tab.goto(`http://127.0.0.1:${(pages.address() as AddressInfo).port}/`)
    const shows = (text: string) =>
      expect.poll(() => tab.evaluate(`document.querySelector('p')?.textContent`)).toBe(text)
    return { streams, tab, shows }
  }

  test('takes a page of a server over as it is, and then shows what came meanwhile', async () => {
    const { streams, tab, shows } = await open(hydrating, () => [{ data: 'a' }], '<p>connecting 0</p>')
    await shows('open 1')
    expect(await tab.evaluate('mismatches')).toEqual([])
    expect(await tab.evaluate('[renders[0], renders.at(-1)]')).toEqual(['connecting 0', 'open 1'])
    expect(streams.requests).toHaveLength(1)
  })

  test('renders a component that selects only when what it selected is another value', async () => {
    const { streams, tab, shows } = await open(selecting, () => [{ data: 'a' }])
    await shows('a')
    const connection = await streams.connection(1)
    await connection.send({ data: 'b' })
    await shows('a,b')
    await connection.send({ data: 'c' })
    await shows('a,b,c')
    expect(await tab.evaluate('renders.state')).toEqual(['connecting', 'open'])
    expect(streams.requests).toHaveLength(1)
  })
})
