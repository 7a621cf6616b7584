import type { Transform } from 'node:stream'
import {
  type BrotliDecompress,
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  type Gunzip,
  type Inflate,
} from 'node:zlib'
import { createParser } from '@headwater/sse'
import { POSITION_EVENT_TYPE } from '@headwater/sse/internal'
import type { Exchange } from './exchange.ts'

/** Takes the bytes of a body as they come, and writes down in the exchange what they say. */
export interface BodyReader {
  push(chunk: Buffer): void
  /** The body is over. Calls back when everything that came is written down. */
  end(onDone: () => void): void
}

const textLimit = 65_536

/**
 * Reads the body of an exchange. A content coding is undone piece by piece, so that an event counts as
 * arrived when a client could read it. `elapsedMs` is the clock of the exchange; `onChange` is called
 * whenever there is something new.
 */
export function createBodyReader(exchange: Exchange, elapsedMs: () => number, onChange: () => void): BodyReader {
  const stream = createStreamReader(exchange, elapsedMs)
  const decoder = decoderOf(exchange)
  const countBlocks = (bytes: number, before: number) => {
    const blocks = exchange.blocks.length - before
    exchange.arrivals.push({ atMs: elapsedMs(), bytes, blocks, isInsideEvent: stream.isInsideEvent() })
    onChange()
  }
  if (!decoder) {
    return {
      push(chunk) {
        const before = exchange.blocks.length
        stream.push(chunk)
        countBlocks(chunk.length, before)
      },
      end(onDone) {
        stream.end()
        onDone()
      },
    }
  }
  decoder.on('data', (chunk: Buffer) => {
    stream.push(chunk)
    onChange()
  })
  // A body that breaks off inside a coding is known by the end of its exchange.
  decoder.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'Z_BUF_ERROR') exchange.oddities.push({ kind: 'coding', detail: error.message })
    onChange()
  })
  return {
    push(chunk) {
      const before = exchange.blocks.length
      decoder.write(chunk, () => countBlocks(chunk.length, before))
    },
    end(onDone) {
      const settle = () => {
        stream.end()
        onDone()
      }
      if (decoder.destroyed || decoder.writableEnded) return settle()
      decoder.once('close', settle)
      decoder.end()
      decoder.resume()
    },
  }
}

function decoderOf({ headers }: Exchange): Gunzip | Inflate | BrotliDecompress | Transform | undefined {
  switch (headers['content-encoding']?.trim().toLowerCase()) {
    case 'gzip':
    case 'x-gzip':
      return createGunzip({ flush: constants.Z_SYNC_FLUSH })
    case 'deflate':
      return createInflate({ flush: constants.Z_SYNC_FLUSH })
    case 'br':
      return createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH })
    default:
      return undefined
  }
}

function createStreamReader(exchange: Exchange, elapsedMs: () => number) {
  const { blocks, oddities } = exchange
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  // Set by onId and taken by the onEvent of the same block. Left over, the block had no data.
  let position: string | undefined
  const note = (kind: (typeof oddities)[number]['kind'], detail: string) => {
    if (oddities.length < 20 && !oddities.some((each) => each.kind === kind)) oddities.push({ kind, detail })
  }
  const settlePosition = () => {
    if (position === undefined) return
    blocks.push({ atMs: elapsedMs(), kind: 'position', type: undefined, data: '', id: position })
    position = undefined
  }
  const parser = createParser({
    onId(id) {
      settlePosition()
      position = id
    },
    onEvent({ type, data, id }) {
      if (id === undefined) settlePosition()
      position = undefined
      // Says only where in the history the reader is, for clients that ignore an id without data.
      const kind = type === POSITION_EVENT_TYPE ? 'position' : 'event'
      blocks.push({ atMs: elapsedMs(), kind, type, data, id })
    },
    onComment(comment) {
      settlePosition()
      blocks.push({ atMs: elapsedMs(), kind: 'comment', type: undefined, data: comment, id: undefined })
    },
    onRetry(milliseconds) {
      exchange.retryMs = milliseconds
    },
    onError({ code, message }) {
      if (code === 'UNKNOWN_FIELD') note(message.includes('\uFEFF') ? 'bom-inside' : 'unknown-field', message)
      if (code === 'INVALID_RETRY') note('invalid-retry', message)
      if (code === 'INVALID_EVENT_ID') note('invalid-id', message)
    },
    maxEventBytes: 16 * 1024 ** 2,
  })
  let head = ''
  const read = (text: string, isReplacementSent = false) => {
    if (text === '') return
    if (head.length < 2) {
      head += text.slice(0, 2)
      if (head.startsWith('\uFEFF\uFEFF')) note('bom-twice', 'two byte order marks')
    }
    if (text.includes('\uFFFD') && !isReplacementSent) note('not-utf-8', text.slice(0, 200))
    if (exchange.text.length < textLimit) exchange.text += text.slice(0, textLimit - exchange.text.length)
    parser.feed(text)
    settlePosition()
  }
  return {
    push: (chunk: Buffer) => read(decoder.decode(chunk, { stream: true }), chunk.includes('\uFFFD')),
    end: () => read(decoder.decode()),
    isInsideEvent: parser.isIncomplete,
  }
}
