import { hubFetch, hubUrl } from './hub.ts'
import { openLive } from './live.ts'
import { matchOf } from './selection.ts'
import { createStore, type Store } from './store.ts'

/** A part of what goes over the wire. */
export interface RawPart {
  readonly key: number
  readonly kind: 'sent' | 'received' | 'broken'
  readonly text: string
}

/** How much is kept, in characters. */
const maxCharacters = 40_000

/**
 * What an `EventSource` sends and receives for a topic, byte for byte: a subscription as any page may have one, over
 * a connection of its own.
 */
export function openRaw(topic: string): { readonly parts: Store<readonly RawPart[]>; close(): void } {
  const parts = createStore<readonly RawPart[]>([])
  let key = 0
  const close = openLive({
    url() {
      const url = new URL(hubUrl)
      const [name, value] = matchOf(topic)
      url.searchParams.set(name, value)
      return url
    },
    onEvent() {},
    onState(state) {
      if (state.name === 'waiting') add('broken', `connection lost (${state.why})`)
      if (state.name === 'refused') add('broken', state.refusal.message)
    },
    fetch: readAlong,
  })
  return { parts, close }

  async function readAlong(target: string | URL, init: RequestInit = {}): Promise<Response> {
    const url = new URL(target)
    const sent = Object.entries(init.headers as Record<string, string>)
      .filter(([name]) => name !== 'authorization')
      .map(([name, value]) => `${name}: ${value}`)
    add('sent', [`GET ${url.pathname}${url.search}`, ...sent].join('\n'))
    const response = await hubFetch(target, init)
    add(
      'received',
      `${response.status} ${response.statusText}\ncontent-type: ${response.headers.get('content-type')}\n\n`,
    )
    if (!response.body) return response
    const [body, copy] = response.body.tee()
    void show(copy)
    const { status, headers, redirected } = response
    return { status, headers, redirected, url: response.url, body, ok: response.ok } as Response
  }

  async function show(copy: ReadableStream<Uint8Array>): Promise<void> {
    const reader = copy.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
    try {
      for (;;) {
        const { done, value } = await reader.read()
        if (done) return
        add('received', value)
      }
    } catch {
      // The stream's other reader says why it broke off.
    }
  }

  function add(kind: RawPart['kind'], text: string): void {
    const before = parts.get()
    const last = before.at(-1)
    const joined =
      last?.kind === kind && kind === 'received'
        ? [...before.slice(0, -1), { ...last, text: last.text + text }]
        : [...before, { key: key++, kind, text }]
    let length = 0
    const kept = joined.toReversed().flatMap((part) => {
      if (length >= maxCharacters) return []
      const room = maxCharacters - length
      length += part.text.length
      return [part.text.length > room ? { ...part, text: part.text.slice(-room) } : part]
    })
    parts.set(kept.reverse())
  }
}
