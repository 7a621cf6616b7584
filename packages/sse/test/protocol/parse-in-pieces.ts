import { createParser } from '../../src/protocol/parse.ts'
import type { Happening } from './reference-parser.ts'

/** What our parser tells of a stream that comes in these pieces. */
export function parseInPieces(pieces: Iterable<Uint8Array | string>): Happening[] {
  const happenings: Happening[] = []
  const parser = createParser({
    onEvent: ({ type, data, id }) => happenings.push({ name: 'event', type, data, id }),
    onId: (id) => happenings.push({ name: 'id', id }),
    onRetry: (milliseconds) => happenings.push({ name: 'retry', milliseconds }),
    onComment: (comment) => happenings.push({ name: 'comment', comment }),
  })
  for (const piece of pieces) parser.feed(piece)
  return happenings
}
