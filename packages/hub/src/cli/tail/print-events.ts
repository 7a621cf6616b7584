import { parseEventId } from '@headwater/sse/internal'
import { columnsOf, cutColumns, shownText } from '../terminal/columns.ts'
import { type Paint, paintFor } from '../terminal/paint.ts'

/** An event as it is printed. */
export interface PrintedEvent {
  readonly type: string
  readonly data: string
  readonly lastEventId: string
  /** Whether it was there before the command began. */
  readonly isEarlier: boolean
}

export type Printing = 'pretty' | 'data' | 'json' | 'raw'

export interface PrintOptions {
  /** Whether to lay out data that is JSON over several lines. */
  readonly indents: boolean
  readonly output?: Pick<NodeJS.WriteStream, 'isTTY' | 'columns'>
  readonly paint?: Paint
  readonly now?: () => Date
}

/** The function that makes the text of an event, for one of the ways to print it. `raw` prints bytes, not events. */
export function printerFor(printing: Exclude<Printing, 'raw'>, options: PrintOptions): (event: PrintedEvent) => string {
  if (printing === 'json') {
    return ({ lastEventId: id, type, data }) => `${JSON.stringify({ id, type, data })}\n`
  }
  const format = options.indents ? indented : (data: string) => data
  const isTerminal = (options.output ?? process.stdout).isTTY
  if (printing === 'data') return ({ data }) => `${isTerminal ? shownText(format(data)) : format(data)}\n`
  return (event) => pretty(event, format, options)
}

/** Below so many columns, the data has lines of its own. Data of several lines has them anywhere. */
const narrow = 60
const [timeColumns, typeColumns, idColumns] = [8, 12, 13]

function pretty(
  { type, data, lastEventId, isEarlier }: PrintedEvent,
  format: (data: string) => string,
  { output = process.stdout, paint = paintFor(output), now = () => new Date() }: PrintOptions,
): string {
  const columns = output.columns ?? 80
  // When an event of the history was published, the stream does not say.
  const time = paint('faint', isEarlier ? 'earlier ' : clockOf(now()))
  const shownType = shownText(type, { lines: false })
  const name = cutColumns(shownType, typeColumns)
  const id = shortId(lastEventId)
  const filled = paint.named(type, name) + ' '.repeat(Math.max(0, typeColumns - columnsOf(name)))
  const lines = shownText(format(data)).split('\n')
  if (columns < narrow || lines.length > 1) {
    const room = Math.max(0, columns - timeColumns - columnsOf(name) - 3)
    const head = `${time} ${paint.named(type, name)} ${paint('faint', cutColumns(id, room))}`.trimEnd()
    return `${[head, ...lines.map((line) => `  ${line}`)].join('\n')}\n`
  }
  const shownId = paint('faint', id + ' '.repeat(Math.max(0, idColumns - columnsOf(id))))
  return `${time} ${filled} ${shownId} ${lines[0]}\n`
}

/** What tells one event from the next: of a hub's ID what comes after the epoch, of another the end. */
export function shortId(id: string): string {
  const own = parseEventId(id)
  if (own?.tag !== undefined) return id.slice(own.epoch.length + 1)
  const shown = shownText(id, { lines: false })
  if (columnsOf(shown) <= idColumns) return shown
  const units = Array.from(shown)
  return `…${units.slice(1 - idColumns).join('')}`
}

function clockOf(date: Date): string {
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')
}

function indented(data: string): string {
  try {
    const value: unknown = JSON.parse(data)
    return typeof value === 'object' ? JSON.stringify(value, null, 2) : data
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    return data
  }
}
