import { encodeRetry, type Frame } from '../protocol/index.ts'
import { encodePosition } from './reserved.ts'

/**
 * Sets the time after which a client reconnects, in a block with its position `id`: a block without
 * an ID makes several clients forget theirs. Without an ID to repeat it is only a line, which needs
 * no block.
 */
export function encodeComeBack(id: string | undefined, isEventSource: boolean, milliseconds: number): Frame {
  return id ? encodePosition(id, isEventSource, milliseconds) : encodeRetry(milliseconds)
}
