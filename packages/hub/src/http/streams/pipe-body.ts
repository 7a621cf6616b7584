import { HubError } from '../../base/errors.ts'
import { untilAborted } from '../../base/until-aborted.ts'
import { pipeIntoStream, type StreamItem } from '../../streams/pipe-into-stream.ts'
import { openSource } from '../../streams/pipe-source.ts'
import { isEnd } from '../../streams/stream-record.ts'
import { toText, toType } from '../../streams/stream-text.ts'
import type { StreamWriter } from '../../streams/stream-writer.ts'
import { newWriterId } from '../../streams/writer-id.ts'
import type { HubRequest, HubResponse } from '../message/http-message.ts'
import { jsonResponse } from '../message/json-response.ts'
import { parseJson } from '../publish/exact-json.ts'
import { splitLines } from '../publish/line-splitter.ts'
import { decode, openingOptions, parseEvent, writerIn } from './read-append.ts'
import type { Fields, StreamsContext } from './streams-context.ts'

/**
 * Writes a stream from a body that is sent as it is made. Each piece of text is an event as it arrives, or
 * each line of `application/x-ndjson` (`{"data","type"}`). The end of the body closes the stream. While
 * the connection stands, the hub renews the lease; when it breaks, the lease runs, and the producer can
 * take over from there.
 */
export async function pipeBody(
  request: HubRequest,
  name: string,
  fields: Fields,
  context: StreamsContext,
): Promise<HubResponse> {
  const { streams, closing } = context
  const writer = fields.has('writer')
    ? await attached(name, fields, context)
    : await streams.open(name, newWriterId(), openingOptions(fields))
  const write = (data: unknown, type: string | undefined) => writer.write(toText(data), toType(type))
  const items = untilAborted(itemsOf(request, context), closing)
  const result = await pipeIntoStream(
    openSource(items as AsyncIterable<unknown>),
    { writer, write },
    { toEvent: toEvent(request) },
  )
  if (result.outcome === 'interrupted') throw result.error
  if (closing?.aborted)
    return await giveUp(
      writer,
      new HubError('HUB_CLOSED', 'The hub is shutting down. Take the stream over when it, or another, is up.'),
    )
  if (result.outcome === 'failed') {
    const { error } = result
    // The producer may be back: a broken connection says nothing about the text.
    const isBroken = error instanceof HubError && !producersFault.has(error.code)
    if (isBroken || !(error instanceof HubError)) return await giveUp(writer, error)
    await writer.end({ kind: 'failed', data: error.message })
    throw error
  }
  const { number, kind } = await writer.end({ kind: 'closed', data: '' })
  return jsonResponse({ next: number + 1, ...(isEnd(kind) && { how: kind }) })
}

const producersFault: ReadonlySet<string> = new Set(['INVALID_DATA', 'INVALID_EVENT_TYPE', 'TOO_LARGE', 'RATE_LIMITED'])

async function giveUp(writer: StreamWriter, error: unknown): Promise<never> {
  await writer.settled()
  writer.abandon(error as HubError)
  throw error
}

async function attached(name: string, fields: Fields, { streams }: StreamsContext): Promise<StreamWriter> {
  const { writer, number } = writerIn(fields)
  return await streams.attach(name, writer, number)
}

async function* itemsOf(request: HubRequest, { quotas, addresses, limits }: StreamsContext): AsyncGenerator<unknown> {
  const address = addresses.of(request)
  if (!isLines(request)) {
    for await (const piece of request.body) {
      await quotas.publishInTime(address, 1)
      yield piece
    }
    return
  }
  for await (const lines of splitLines(request.body, limits.maxBodyBytes)) {
    await quotas.publishInTime(address, lines.length)
    for (const { number, bytes } of lines) {
      if (!bytes) throw new HubError('TOO_LARGE', `Line ${number} is longer than the hub accepts.`)
      yield bytes
    }
  }
}

function toEvent(request: HubRequest): ((item: unknown) => StreamItem) | undefined {
  return isLines(request) ? (line) => readLine(line as Buffer) : undefined
}

function readLine(line: Buffer): StreamItem {
  try {
    return parseEvent(parseJson(decode(line)))
  } catch (error) {
    throw new HubError('INVALID_DATA', (error as Error).message, { cause: error })
  }
}

function isLines(request: HubRequest): boolean {
  return /^application\/x-ndjson\s*(;|$)/i.test(request.header('content-type') ?? '')
}
