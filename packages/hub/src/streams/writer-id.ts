import { randomBytes } from 'node:crypto'

/** A name for a writer that no other has. */
export function newWriterId(): string {
  return BigInt(`0x${randomBytes(8).toString('hex')}`).toString(36)
}
