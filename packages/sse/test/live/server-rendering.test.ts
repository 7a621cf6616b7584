import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createSSRApp, effectScope, h } from 'vue'
import { renderToString as renderVue } from 'vue/server-renderer'
import { useEvents as useReact } from '../../src/live/react.ts'
import { useEvents as useVue } from '../../src/live/vue.ts'
import { advance, openBody, scriptedFetch, stopClock } from '../client/scripted-fetch.ts'
import { bundleForServer } from './pages/bundle-page.ts'

beforeEach(stopClock)
afterEach(() => {
  vi.useRealTimers()
})

const url = '/events'
const view = (state: string, count: number) => `${state} ${count}`

/** Renders on a server, and waits for what it may have begun. */
async function render(draw: (options: object) => string | Promise<string>): Promise<[string, number]> {
  const { fetch, calls } = scriptedFetch(() => openBody().response)
  const html = await draw({ fetch })
  await advance(60_000)
  return [html, calls.length]
}

test('React renders the snapshot of before any event on a server, and connects to nothing', async () => {
  const Component = ({ options }: { options: object }) => {
    const { state, events } = useReact(url, options)
    const isOpen = useReact(url, { ...options, select: ({ state }) => state === 'open' })
    return createElement('p', null, `${view(state, events.length)} ${isOpen}`)
  }
  expect(await render((options) => renderToString(createElement(Component, { options })))).toEqual([
    '<p>connecting 0 false</p>',
    0,
  ])
  expect(await render(() => renderToString(createElement(Component, { options: { enabled: false } })))).toEqual([
    '<p>closed 0 false</p>',
    0,
  ])
})

test('Vue renders the snapshot of before any event on a server, and connects to nothing', async () => {
  const draw = (options: object) =>
    renderVue(
      createSSRApp({
        setup() {
          const { state, events } = useVue(url, options)
          return () => h('p', view(state.value, events.value.length))
        },
      }),
    )
  expect(await render(draw)).toEqual(['<p>connecting 0</p>', 0])
  // As in a store, whose scope nobody ends on a server.
  const inScope = (options: object) => effectScope(true).run(() => useVue(url, options).state.value)!
  expect(await render(inScope)).toEqual(['connecting', 0])
})

test('Svelte renders the snapshot of before any event on a server, and connects to nothing', async () => {
  // Svelte's own server code, found from here.
  const folder = new URL('../../../../.cache/svelte/', import.meta.url)
  const file = new URL(`${process.pid}.mjs`, folder)
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, await bundleForServer('Server.svelte'))
  const { default: component, render: renderSvelte } = await import(file.href)
  rmSync(file)
  const draw = (options: object) => renderSvelte(component, { props: { url, options } }).body as string
  const [html, calls] = await render(draw)
  expect(html).toContain('<p>connecting 0</p>')
  expect(calls).toBe(0)
})
