/** Everything that a parser can tell of a stream, in order. */
export type Happening =
  | { name: 'event'; type: string | undefined; data: string; id: string | undefined }
  | { name: 'id'; id: string }
  | { name: 'retry'; milliseconds: number }
  | { name: 'comment'; comment: string }

/**
 * A slow parser of a whole stream, written from the standard's own words ("9.2.5 Parsing an event stream" and "9.2.6 Interpreting
 * an event stream") and without a thought for speed, so that one can see that it is right. Not incremental: it never has a state to lose.
 */
export function parseWholeStream(stream: Uint8Array | string): Happening[] {
  // "Streams must be decoded using the UTF-8 decode algorithm", which drops one leading byte order mark.
  const text = typeof stream === 'string' ? stream.replace(/^\uFEFF/, '') : new TextDecoder('utf-8').decode(stream)

  const happenings: Happening[] = []
  let data = ''
  let eventType = ''
  let lastEventId: string | undefined

  // "Lines are separated by CRLF, a single LF, or a single CR." What follows the last one is no line: "If the file ends in the
  // middle of an event, before the final empty line, the incomplete event is not dispatched."
  const lines = text.split(/\r\n|\n|\r/)
  lines.pop()

  for (const line of lines) {
    if (line === '') {
      // "If the line is empty: Dispatch the event."
      if (lastEventId !== undefined) happenings.push({ name: 'id', id: lastEventId })
      if (data !== '') {
        happenings.push({
          name: 'event',
          type: eventType === '' ? undefined : eventType,
          // "If the data buffer's last character is a LF, remove it."
          data: data.replace(/\n$/, ''),
          id: lastEventId,
        })
      }
      data = eventType = ''
      lastEventId = undefined
    } else if (line.startsWith(':')) {
      // "Ignore the line." A comment, which one may want to see all the same.
      happenings.push({ name: 'comment', comment: line.slice(1).replace(/^ /, '') })
    } else if (line.includes(':')) {
      // "Field is before the first colon, value after it; if value starts with a space, remove it from value."
      const [field = ''] = line.split(':', 1)
      processField(field, line.slice(field.length + 1).replace(/^ /, ''))
    } else {
      // "Use the whole line as the field name, and the empty string as the field value."
      processField(line, '')
    }
  }
  return happenings

  function processField(field: string, value: string): void {
    if (field === 'event') eventType = value
    else if (field === 'data') data += `${value}\n`
    else if (field === 'id' && !value.includes('\0')) lastEventId = value
    else if (field === 'retry' && /^[0-9]+$/.test(value)) {
      // Ours: no timer can take more, and would fire at once if it were told to.
      happenings.push({ name: 'retry', milliseconds: Math.min(Number(value), 2147483647) })
    }
    // "Otherwise: The field is ignored."
  }
}
