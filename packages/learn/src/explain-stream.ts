/** What a line of an event stream does, as [HTML, 9.2.6] says. */
export type LineEffect =
  | 'comment'
  | 'data'
  | 'event'
  | 'event-reset'
  | 'id'
  | 'id-reset'
  | 'id-nul'
  | 'retry'
  | 'retry-ignored'
  | 'unknown'
  /** A blank line after data: the event is dispatched. */
  | 'dispatch'
  /** A blank line without data before it: nothing is dispatched. */
  | 'blank'
  /** The stream ends before the line does. */
  | 'unfinished'

export interface ExplainedLine {
  /** The line without its end. */
  readonly text: string
  readonly ending: '\n' | '\r' | '\r\n' | ''
  /** `undefined` for a comment, a blank line, and a line without an end. */
  readonly field: string | undefined
  readonly value: string | undefined
  readonly effect: LineEffect
  /** The event that a blank line dispatches. */
  readonly event: ExplainedEvent | undefined
}

export interface ExplainedEvent {
  readonly type: string
  readonly data: string
  readonly lastEventId: string
}

export interface ExplainedStream {
  /** Whether the stream began with a byte order mark, which is dropped. */
  readonly hasBom: boolean
  readonly lines: readonly ExplainedLine[]
  /** Whether the stream ends inside a block, which is dropped with its ID. */
  readonly isIncomplete: boolean
  readonly lastEventId: string
  /** The reconnection time that the stream set, in milliseconds. */
  readonly retryMs: number | undefined
}

/** Explains a whole event stream, line by line. */
export function explainStream(stream: string): ExplainedStream {
  const hasBom = stream.startsWith('\ufeff')
  const lines: ExplainedLine[] = []
  let data: string[] = []
  let type = ''
  let idOfBlock: string | undefined
  let lastEventId = ''
  let retryMs: number | undefined

  for (const [, text = '', ending = ''] of stream.slice(hasBom ? 1 : 0).matchAll(/([^\r\n]*)(\r\n|\r|\n|$)/g)) {
    if (text === '' && ending === '') break
    lines.push(explainLine(text, ending as ExplainedLine['ending']))
  }
  const isOpen = data.length > 0 || type !== '' || idOfBlock !== undefined
  const isIncomplete = isOpen || /^[^:]/.test(lines.findLast(({ effect }) => effect === 'unfinished')?.text ?? '')
  return { hasBom, lines, isIncomplete, lastEventId, retryMs }

  function explainLine(text: string, ending: ExplainedLine['ending']): ExplainedLine {
    const line = { text, ending, field: undefined, value: undefined, event: undefined }
    if (ending === '') return { ...line, effect: 'unfinished' }
    if (text === '') return { ...line, ...endBlock() }
    if (text.startsWith(':')) return { ...line, effect: 'comment' }
    const colon = text.indexOf(':')
    const field = colon < 0 ? text : text.slice(0, colon)
    const value = colon < 0 ? '' : text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1)
    return { ...line, field, value, effect: effectOf(field, value) }
  }

  function effectOf(field: string, value: string): LineEffect {
    switch (field) {
      case 'data':
        data.push(value)
        return 'data'
      case 'event':
        type = value
        return value === '' ? 'event-reset' : 'event'
      case 'id':
        if (value.includes('\0')) return 'id-nul'
        idOfBlock = value
        return value === '' ? 'id-reset' : 'id'
      case 'retry':
        if (!/^[0-9]+$/.test(value)) return 'retry-ignored'
        retryMs = Math.min(Number(value), 2_147_483_647)
        return 'retry'
      default:
        return 'unknown'
    }
  }

  function endBlock(): Pick<ExplainedLine, 'effect' | 'event'> {
    lastEventId = idOfBlock ?? lastEventId
    const event = data.length > 0 ? { type: type || 'message', data: data.join('\n'), lastEventId } : undefined
    data = []
    type = ''
    idOfBlock = undefined
    return { effect: event ? 'dispatch' : 'blank', event }
  }
}
