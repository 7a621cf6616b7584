import { randomUUID } from 'node:crypto'
import { namesOf } from '@headwater/sse/internal'
import type { StreamChunk, StreamDurability } from '@tanstack/ai'
import { assertHub } from '../../base/assert-hub.ts'
import { checkNames } from '../../base/check-names.ts'
import { assertNotNegative } from '../../base/check-option.ts'
import { HubError } from '../../base/errors.ts'
import type { Hub } from '../../create-hub.ts'
import { readToEnd } from '../../streams/read-to-end.ts'
import type { HubStream, StreamOptions, StreamState } from '../../streams/stream.ts'
import { nameInId } from '../../streams/stream-record.ts'
import { awaitFirst } from './await-first.ts'

/** What is known of a run without a request. */
export interface HubDurabilityInit {
  readonly runId: string
  /** The offset to resume after; `-1` for the beginning, `now` for what is still to come. Default: a producer. */
  readonly offset?: string | null | undefined
}

export interface HubDurabilityOptions {
  /** What the names of the streams begin with, before `/` and the run's ID. Default: `tanstack-ai`. */
  readonly prefix?: string | undefined
  /**
   * How long a reader that joins a run from its beginning waits for the first chunk, in milliseconds. Default
   * 100, as TanStack's own: a run without chunks is usually one that is gone.
   */
  readonly firstChunkDeadlineMs?: number | undefined
  /**
   * Has the first `append` take over the run from a producer that may still live: for one that claimed the run.
   * Default: false, and a run has one producer.
   */
  readonly takesOver?: boolean | undefined
  /** Options of the streams. `private` is true unless they say otherwise: the program decides who reads. */
  readonly stream?: StreamOptions | undefined
}

/** A `StreamDurability` whose log is a stream of the hub. Its offsets are the IDs of the stream's events. */
export interface HubDurability extends StreamDurability {
  /** The stream of the run: its `signal` aborts when it is stopped, and `stop()` stops it. */
  readonly stream: HubStream
}

/**
 * Keeps the chunks of a run of TanStack AI in a hub, in place of `memoryStream(request)`: they survive a restart,
 * and readers in other processes follow them.
 *
 * The run is that of the request's `Last-Event-ID` or `offset`, or else the one that `X-Run-Id` or `runId` names;
 * a producer without any gets a random one.
 *
 * @throws HubError `INVALID_STREAM_NAME` for a run ID that cannot be one; `INVALID_EVENT_ID` for an offset that no
 * stream of this prefix gave; `INVALID_OPTION`.
 */
export function hubDurability(
  hub: Pick<Hub, 'stream'>,
  source: Request | HubDurabilityInit,
  options: HubDurabilityOptions = {},
): HubDurability {
  assertHub(hub, 'hubDurability(hub, request)')
  checkNames('the options of hubDurability', options, optionNames)
  const { prefix = 'tanstack-ai', takesOver = false, stream: streamOptions } = options
  const firstChunkDeadlineMs = assertNotNegative('firstChunkDeadlineMs', options.firstChunkDeadlineMs ?? 100)
  const resumeOffset = source instanceof Request ? offsetOf(source) : (source.offset ?? null)
  const runId = source instanceof Request ? runIdOf(source, resumeOffset, prefix) : assertRunId(source.runId)
  const name = nameOf(prefix, runId)
  const stream = hub.stream(name, { private: true, ...streamOptions })
  let taking: Promise<unknown> | undefined

  /** Takes the run over, if that is wanted and there is one to take. */
  async function take(): Promise<void> {
    if ((await stream.state()).name === 'open') await stream.takeOver()
  }

  return {
    stream,

    resumeFrom: () => resumeOffset,

    async append(chunks) {
      if (takesOver) {
        taking ??= take()
        await taking
      }
      // Written in one turn, so they are stored together.
      return await Promise.all(chunks.map((chunk) => stream.write(JSON.stringify(chunk))))
    },

    async close() {
      try {
        await stream.close()
      } catch (error) {
        // Whoever stopped it has ended it.
        if (!(error instanceof HubError) || error.code !== 'STREAM_ENDED') throw error
      }
    },

    async *read(offset, signal) {
      const isJoin = offset === fromStart || offset === fromNow
      if (!isJoin) assertOffset(offset, name)
      const left = new AbortController()
      const reading = signal ? AbortSignal.any([signal, left.signal]) : left.signal
      try {
        const state = await awaitFirst(stream, isJoin ? firstChunkDeadlineMs : 0, reading)
        // Of what has ended, nothing is still to come.
        if (offset === fromNow && state.name === 'ended') return
        const end = yield* chunksOf(stream, afterOf(offset, state), reading)
        if (end === 'stopped') throw new DOMException(`The run ${JSON.stringify(runId)} was stopped.`, 'AbortError')
      } catch (error) {
        // Where the hub closes or its store fails, the response ends without a last chunk, and the client comes back.
        if (!signal?.aborted && !isPassing(error)) throw error
      } finally {
        left.abort()
      }
    },

    async snapshot() {
      try {
        const { events } = await stream.written()
        return events.map(({ id, data }) => ({ offset: id, chunk: JSON.parse(data) as StreamChunk }))
      } catch (error) {
        // A run that has nothing stored is empty, and not a mistake.
        if (error instanceof HubError && (error.code === 'NOT_FOUND' || error.code === 'STREAM_GONE')) return []
        throw error
      }
    },
  }
}

const optionNames = namesOf<HubDurabilityOptions>({
  prefix: true,
  firstChunkDeadlineMs: true,
  takesOver: true,
  stream: true,
})

/** The offsets by which TanStack's readers join a run, which are not those of a chunk. */
const fromStart = '-1'
const fromNow = 'now'

function isPassing(error: unknown): boolean {
  return error instanceof HubError && (error.code === 'HUB_CLOSED' || error.code === 'STORE_FAILED')
}

/** The ID to read after. */
function afterOf(offset: string, state: StreamState): string {
  if (offset === fromStart) return ''
  return offset === fromNow && state.name === 'open' ? state.lastEventId : offset
}

async function* chunksOf(stream: HubStream, after: string, signal: AbortSignal) {
  const events = readToEnd(stream, { after, signal })
  for (;;) {
    const { value, done } = await events.next()
    if (done) return value
    yield { offset: value.id, chunk: JSON.parse(value.data) as StreamChunk }
  }
}

function nameOf(prefix: string, runId: string): string {
  return `${prefix}/${runId}`
}

/** As `memoryStream` reads it: the header of a reconnecting client, then the query of one that joins. */
function offsetOf(request: Request): string | null {
  return request.headers.get('Last-Event-ID') || new URL(request.url).searchParams.get('offset')
}

function runIdOf(request: Request, offset: string | null, prefix: string): string {
  if (offset !== null && offset !== fromStart && offset !== fromNow) {
    const name = nameInId(offset)
    if (name?.startsWith(`${prefix}/`)) return name.slice(prefix.length + 1)
    throw offsetError(offset, 'no stream of this kind gave it')
  }
  const runId = request.headers.get('X-Run-Id') || new URL(request.url).searchParams.get('runId')
  return runId === null ? randomUUID() : assertRunId(runId)
}

function assertRunId(runId: unknown): string {
  if (typeof runId === 'string' && runId !== '' && !/[\r\n]/.test(runId)) return runId
  throw new HubError(
    'INVALID_STREAM_NAME',
    `Invalid runId (must be non-empty and contain no CR/LF): ${JSON.stringify(runId)}`,
  )
}

function assertOffset(offset: string, name: string): void {
  const given = nameInId(offset)
  if (given === undefined) throw offsetError(offset, 'no stream gave it')
  if (given !== name) throw offsetError(offset, `it belongs to ${JSON.stringify(given)}, not ${JSON.stringify(name)}`)
}

function offsetError(offset: string, why: string): HubError {
  return new HubError('INVALID_EVENT_ID', `Invalid stream offset ${JSON.stringify(offset.slice(0, 300))}: ${why}.`)
}
