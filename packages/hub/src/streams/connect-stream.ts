import { namesOf } from '@headwater/sse/internal'
import { checkNames } from '../base/check-names.ts'
import { HubError, type HubErrorCode } from '../base/errors.ts'
import { pipeIntoStream, type StreamPipeOptions } from './pipe-into-stream.ts'
import { openSource, type StreamSource } from './pipe-source.ts'
import type { HubStream, StreamOptions, WrittenBefore } from './stream.ts'
import { isEnd, recordId, type StreamEndKind, type StreamRecord } from './stream-record.ts'
import { toReason, toText, toType } from './stream-text.ts'
import { StreamWriter } from './stream-writer.ts'
import { newWriterId } from './writer-id.ts'

export interface ConnectStreamOptions extends StreamOptions {
  /** Headers of each request, such as `Authorization`. Default: none. */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Default: the global one. */
  readonly fetch?: typeof globalThis.fetch | undefined
}

/** A stream of a hub elsewhere, for its producer. */
export type RemoteStream = Pick<
  HubStream,
  'signal' | 'open' | 'takeOver' | 'write' | 'pipe' | 'close' | 'fail' | 'stop'
> & { readonly url: string }

/**
 * A stream of a hub elsewhere, to be written by this process: by its URL,
 * `https://hub.example.com/.well-known/mercure/headwater/v1/streams/NAME`, with the name percent-encoded. What
 * is written while a request is under way goes with the next. If the hub does not answer, the same is sent
 * again for as long as the lease lasts, and stored once. `signal` learns of a stop with the next request, at the
 * latest after a third of the lease.
 *
 * @throws HubError `INVALID_OPTION`
 */
export function connectStream(url: string | URL, options: ConnectStreamOptions = {}): RemoteStream {
  checkNames('the options of connectStream', options, optionNames)
  if (!URL.canParse(String(url)))
    throw new HubError('INVALID_OPTION', `${JSON.stringify(String(url))} is not the URL of a stream.`)
  const hub = new RemoteHub(new URL(url), options)
  const id = newWriterId()
  const over = new AbortController()
  let opening: Promise<StreamWriter> | undefined

  const begin = (open: () => Promise<Position>, bytes = 0): Promise<StreamWriter> => {
    const begun = open().then(({ writer: writerId, run, next, lease_ms: leaseMs }) => {
      const last: StreamRecord = {
        kind: 'opened',
        number: next - 1,
        run,
        writer: writerId,
        leaseMs,
        // The hub has these, and the names that it gives.
        retentionMs: null,
        isPrivate: false,
        type: '',
        data: '',
      }
      const writer = new StreamWriter(hub, hub.name, last, { bytes, maxBytes: Infinity, onOver: () => {} })
      writer.signal.addEventListener('abort', () => over.abort(writer.signal.reason), { once: true })
      return writer
    })
    opening = begun
    begun.catch(() => {
      if (opening === begun) opening = undefined
    })
    return begun
  }
  const writing = () => opening ?? begin(() => hub.open(id))
  const idOf = ({ run, number }: StreamRecord) => recordId(hub.name, run, number)

  return {
    url: hub.url.href,
    signal: over.signal,
    async open() {
      await writing()
    },
    async takeOver() {
      if (opening)
        throw new HubError(
          'INVALID_OPTION',
          'This object has opened the stream already: connect another to take it over.',
        )
      let before: WrittenBefore | undefined
      await begin(async () => {
        const taken = await hub.takeOver(id)
        before = taken
        return taken
      })
      const { events, text, bytes } = before!
      return { events, text, bytes }
    },
    async write(data, given = {}) {
      checkNames('the options of write', given, writeNames)
      const text = toText(data)
      const type = toType(given.type)
      return idOf(await (await writing()).write(text, type))
    },
    async pipe<T>(source: StreamSource<T>, given: StreamPipeOptions<T> = {}) {
      const opened = openSource(source)
      const writer = await writing()
      const write = async (data: unknown, type: string | undefined) => await writer.write(toText(data), toType(type))
      const result = await pipeIntoStream(opened, { writer, write }, given)
      if (result.outcome === 'interrupted' || (result.outcome === 'completed' && given.keepOpen)) return result
      try {
        const isFailed = result.outcome === 'failed'
        const reason = isFailed ? toReason(given.reasonOf?.(result.error) ?? 'The source failed.') : ''
        await writer.end({ kind: isFailed ? 'failed' : 'closed', data: reason })
        return result
      } catch (error) {
        return result.outcome === 'failed' ? result : { outcome: 'interrupted', error: error as HubError }
      }
    },
    async close() {
      await (await writing()).end({ kind: 'closed', data: '' })
    },
    async fail(reason = '') {
      await (await writing()).end({ kind: 'failed', data: toReason(reason) })
    },
    stop: (reason = '') => hub.stop(toReason(reason)),
  }
}

const optionNames = namesOf<ConnectStreamOptions>({
  headers: true,
  fetch: true,
  leaseMs: true,
  retentionMs: true,
  private: true,
})
const writeNames = namesOf<{ type?: string }>({ type: true })
/** How long to wait for an answer where the stream's lease is not known. */
const usualLeaseMs = 4500

/** Where a producer goes on. */
interface Position {
  readonly writer: string
  /** What the IDs of the stream's events contain. */
  readonly run: string
  readonly next: number
  readonly lease_ms: number
}

/** The routes of one stream, as requests. */
class RemoteHub {
  readonly url: URL
  readonly name: string
  readonly maxTogether = 256
  readonly #options: ConnectStreamOptions

  constructor(url: URL, options: ConnectStreamOptions) {
    this.url = url
    this.name = decodeURIComponent(url.pathname.slice(url.pathname.lastIndexOf('/') + 1))
    this.#options = options
  }

  async open(writer: string): Promise<Position> {
    const { leaseMs, retentionMs, private: isPrivate } = this.#options
    const query: Record<string, string> = { open: '', writer }
    if (leaseMs !== undefined) query.lease_ms = String(leaseMs)
    if (retentionMs !== undefined && retentionMs !== Infinity) query.retention_ms = String(retentionMs)
    if (isPrivate) query.private = ''
    return await this.#patiently(() => this.#ask('POST', query))
  }

  async takeOver(writer: string): Promise<Position & WrittenBefore> {
    return await this.#patiently(() => this.#ask('POST', { take_over: '', writer }))
  }

  async stop(reason: string): Promise<StreamEndKind> {
    const { how } = await this.#ask<{ how: StreamEndKind }>('DELETE', reason === '' ? {} : { reason })
    return how
  }

  /** The hub finds out whether an earlier attempt was stored: the same is answered as the first time. */
  async append(_name: string, records: readonly StreamRecord[]): Promise<{ readonly name: 'stored' }> {
    const [{ writer, number }] = records as [StreamRecord]
    const last = records.at(-1)!
    const events = records
      .filter(({ kind }) => kind === 'event')
      .map(({ data, type }) => ({ data, type: type || undefined }))
    const query: Record<string, string> = { writer, number: String(number) }
    if (isEnd(last.kind)) query.end = last.kind
    if (isEnd(last.kind) && last.data !== '') query.reason = last.data
    await this.#ask('POST', query, events)
    return { name: 'stored' }
  }

  /** Opening is tried again for as long as a lease lasts, like everything else. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    const until = performance.now() + (this.#options.leaseMs ?? usualLeaseMs)
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        if ((error as HubError).code !== 'STORE_FAILED' || performance.now() >= until) throw error
        await new Promise((resolve) => setTimeout(resolve, 250))
      }
    }
  }

  /** Rejects with the hub's own error; with `STORE_FAILED` if it does not answer or is shutting down: to be tried again. */
  async #ask<T>(method: string, query: Record<string, string>, events: readonly object[] = []): Promise<T> {
    const { headers, fetch = globalThis.fetch } = this.#options
    const url = `${this.url.href.replace(/[?#].*$/s, '')}?${new URLSearchParams(query)}`
    const body = events.length > 0 ? { body: JSON.stringify(events) } : {}
    let response: Response
    let answer: unknown
    try {
      const signal = AbortSignal.timeout(this.#options.leaseMs ?? usualLeaseMs)
      response = await fetch(url, {
        method,
        headers: { ...headers, 'content-type': 'application/json' },
        signal,
        ...body,
      })
      answer = await response.json()
    } catch (cause) {
      throw new HubError('STORE_FAILED', `The hub at ${this.url.origin} did not answer: ${String(cause)}`, { cause })
    }
    if (response.ok) return answer as T
    const { code, detail } = answer as { code?: HubErrorCode; detail?: string }
    const isPassing = response.status >= 500 || response.status === 429 || code === undefined
    throw new HubError(isPassing ? 'STORE_FAILED' : code, detail ?? `The hub answered ${response.status}.`)
  }
}
