import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'

// What client libraries do beside the standard, each in its smallest form: docs/readers.md has whose manners they are. The libraries
// themselves are read with by `npm run test:readers`.

/** A way to read event streams. */
export interface Manner {
  /** Whether the last event ID is that of every block, even when the block has none. */
  readonly cursorIsOfEveryBlock?: boolean
  /** Whether an ID from before a response, saved or of another one, is dropped when that response brought none. */
  readonly cursorIsOfResponse?: boolean
  /** Whether `id` and `retry` count only in a block that has data. */
  readonly needsData?: boolean
  /** Whether every block is a message: one without data ends the program. */
  readonly everyBlockIsMessage?: boolean
  /** Whether a response that ends is the end of the stream; one that breaks off never is. */
  readonly endIsFinal?: boolean
  /** The longest line that fits its buffer; a longer one ends the program. */
  readonly maxLineBytes?: number
  /** What it says that it accepts. */
  readonly accept?: string
  /** Which encodings it says that it accepts. It decodes none. */
  readonly acceptEncoding?: string
}

export const manners: readonly (readonly [name: string, manner: Manner])[] = [
  ['the cursor is the id of every block, even an empty one', { cursorIsOfEveryBlock: true }],
  ['the cursor is what the last response brought', { cursorIsOfResponse: true }],
  ['id and retry count only in a block with data', { needsData: true }],
  ['every block is a message, and null data ends the program', { everyBlockIsMessage: true }],
  ['a finished response is the end, and a broken one is resumed', { endIsFinal: true }],
  ['lines have at most 64 KiB', { maxLineBytes: 64 * 1024 }],
  ['the standard holds, and anything is accepted', { accept: '*/*' }],
]

/** An event of more than 64 KiB for readers of shorter lines: a line for each of its members. */
export const large = JSON.stringify(Array(20_000).fill('line'), null, 1)

/** Reads a stream by a manner, and reconnects whenever it may, until it has an event with the data `last`. */
export async function readByManner(
  url: string,
  manner: Manner,
  { last, onEvent = () => {} }: { last: string; onEvent?: (data: string) => void },
): Promise<string[]> {
  const datas: string[] = []
  let cursor = ''
  for (;;) {
    const headers = {
      accept: manner.accept ?? 'text/event-stream',
      ...(manner.acceptEncoding && { 'accept-encoding': manner.acceptEncoding }),
      ...(cursor && { 'last-event-id': cursor }),
    }
    let brought = ''
    const isWhole: boolean = await readResponse(url, headers, (block) => {
      const { id, type, data } = parse(block, manner)
      if (manner.cursorIsOfEveryBlock) cursor = id ?? ''
      else if (id !== undefined && !(manner.needsData && data === undefined)) cursor = brought = id
      if (data === undefined && manner.everyBlockIsMessage) throw new Error(`null data ends the program: ${block}`)
      if (data === undefined) return true
      // It parses the data of every event.
      JSON.parse(data)
      if (type) return true
      datas.push(data)
      onEvent(data)
      return data !== last
    })
    if (manner.cursorIsOfResponse) cursor = brought
    if (datas.at(-1) === last || (isWhole && manner.endIsFinal)) return datas
    await pause(5)
  }
}

function parse(block: string, { maxLineBytes = Number.POSITIVE_INFINITY }: Manner) {
  const fields = { id: undefined as string | undefined, type: '', data: undefined as string | undefined }
  for (const line of block.split('\n')) {
    if (Buffer.byteLength(line) > maxLineBytes) throw new Error(`a line of ${line.length} characters does not fit`)
    const [, name, value = ''] = /^([^:]*):? ?(.*)$/s.exec(line)!
    if (name === 'id') fields.id = value
    if (name === 'event') fields.type = value
    if (name === 'data') fields.data = fields.data === undefined ? value : `${fields.data}\n${value}`
  }
  return fields
}

/**
 * Reads blocks until the response is over or `take` returns false. Resolves with whether the response was finished: it neither broke off
 * nor failed to come.
 */
function readResponse(
  url: string,
  headers: Record<string, string>,
  take: (block: string) => boolean,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        const blocks = text.split('\n\n')
        text = blocks.pop()!
        try {
          if (!blocks.every(take)) response.destroy()
        } catch (error) {
          response.destroy()
          reject(error)
        }
      })
      response.on('error', () => {})
      response.on('close', () => resolve(response.complete))
    })
    request.on('error', () => resolve(false))
  })
}
