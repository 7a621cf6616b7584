import type { LiveOptions, LiveSnapshot } from '../../../src/live/index.ts'

/** What a component of a test page is told. All of it can be sent to a browser. */
export interface Props extends Pick<LiveOptions, 'enabled' | 'keep' | 'batchMs' | 'closeDelayMs' | 'retry'> {
  url: string
  /** Becomes a function that is another one at each render. */
  token?: string
}

/** What a component shows, as JSON: the same with every framework. */
export interface Shown {
  state: string
  data: string[]
  last?: string
  /** How many events there were. */
  value: number
  code?: string
  status?: number
  gap?: string
}

/** What a page does for a test, with components by their names. */
export interface TestPage {
  mount(name: string, props: Props): void
  update(name: string, props: Props): void
  unmount(name: string): void
  shown(name: string): Shown
  /** How often the component of this name was rendered. */
  renders: Record<string, number>
  reconnect: Record<string, () => void>
}

/** The options of a component, made anew at each render, as they are in most code. */
export function optionsOf({ url: _, token, ...options }: Props): LiveOptions<Record<string, string>, number> {
  return {
    ...options,
    reduce: (count) => count + 1,
    initial: 0,
    // The same for each user of the page.
    key: 'page',
    ...(token !== undefined && { headers: () => ({ authorization: token }) }),
  }
}

export function show(name: string, snapshot: LiveSnapshot<Record<string, string>, number>): string {
  globalThis.page.renders[name] = (globalThis.page.renders[name] ?? 0) + 1
  globalThis.page.reconnect[name] = snapshot.reconnect
  const { state, events, last, value, error, gap } = snapshot
  const data = events.map(({ data }) => data)
  return JSON.stringify({ state, data, last: last?.data, value, code: error?.code, gap: gap?.reason })
}

/** An element for a component to be mounted in. */
export function place(name: string): HTMLElement {
  const element = document.createElement('pre')
  element.id = name
  document.body.append(element)
  return element
}

export function startPage(components: Pick<TestPage, 'mount' | 'update' | 'unmount'>): void {
  globalThis.page = {
    ...components,
    shown: (name) => JSON.parse(document.getElementById(name)?.textContent || '{}'),
    renders: {},
    reconnect: {},
  }
}

declare global {
  var page: TestPage
}
