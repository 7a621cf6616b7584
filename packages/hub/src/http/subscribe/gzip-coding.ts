import { constants, crc32, deflateRawSync } from 'node:zlib'
import type { ContentCoding } from '@headwater/sse/server'
import { type CrcShift, combineCrc32, crcShift } from './crc32.ts'

/**
 * gzip for one response, made of blocks that all responses share. Each piece of bytes that sessions
 * send, such as a span of a feed, is deflated once and by itself, so that it means the same
 * whatever a client received before. Only the CRC of all pieces, which ends a response, is its own;
 * it follows from the CRCs of the pieces.
 *
 * [RFC 1952, 2.3] A header, blocks, CRC-32 and length. [RFC 1951, 3.2.3] Blocks may be compressed
 * or stored, in any order.
 */
export class GzipCoding implements ContentCoding {
  readonly name = 'gzip'
  #crc = 0
  #byteLength = 0

  head(): Uint8Array {
    return header
  }

  encode(bytes: Uint8Array): Uint8Array {
    const block = blockOf(bytes)
    this.#crc = combineCrc32(this.#crc, block.crc, block.shift)
    this.#byteLength += bytes.length
    return block.bytes
  }

  tail(): Uint8Array {
    const tail = Buffer.alloc(lastBlock.length + 8)
    tail.set(lastBlock)
    tail.writeUInt32LE(this.#crc, lastBlock.length)
    tail.writeUInt32LE(this.#byteLength % 2 ** 32, lastBlock.length + 4)
    return tail
  }
}

/** Deflated, without a time, compressed at the fastest level, on an unknown system. */
const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255)
const flush = Uint8Array.of(0, 0, 0, 0xff, 0xff)
/** An empty compressed block that is marked as the last one. */
const lastBlock = Uint8Array.of(3, 0)

/**
 * Smaller pieces go into a stored block, which adds 10 bytes. Deflating anything takes 15
 * microseconds before its first byte. JSON of this size shrinks to a half, larger JSON to a third.
 */
const leastDeflatedBytes = 1024

/**
 * The fastest level: 64 KiB of JSON take half a millisecond and shrink to 32 %; the default level
 * takes more than a millisecond for 27 %. The flush ends the blocks at a whole byte, after which
 * anything may follow.
 */
const deflateOptions = { level: 1, finishFlush: constants.Z_SYNC_FLUSH }

/** A piece in gzip's form. */
interface Block {
  readonly bytes: Uint8Array
  readonly crc: number
  readonly shift: CrcShift
}

/** Each block is kept for as long as its piece is. */
const blocks = new WeakMap<Uint8Array, Block>()

function blockOf(bytes: Uint8Array): Block {
  let block = blocks.get(bytes)
  if (!block) {
    block = {
      bytes: bytes.length < leastDeflatedBytes ? store(bytes) : deflate(bytes),
      crc: crc32(bytes),
      shift: crcShift(bytes.length),
    }
    blocks.set(bytes, block)
  }
  return block
}

/**
 * Deflates a piece. Returns a copy, because the result is part of a larger buffer that would be
 * kept with it: a block lasts as long as its piece, and most pieces have a few hundred bytes.
 */
function deflate(bytes: Uint8Array): Uint8Array {
  const deflated = deflateRawSync(bytes, deflateOptions)
  const block = Buffer.allocUnsafeSlow(deflated.length)
  block.set(deflated)
  return block
}

/**
 * [RFC 1951, 3.2.4] Not the last block, not compressed; the length, and its complement. An empty
 * block follows, with which zlib also ends a flush: Go's decoder (in Caddy, for example) holds back
 * what it has until it sees one.
 */
function store(bytes: Uint8Array): Uint8Array {
  // Not from the buffer pool, 64 KiB of which would be kept for as long as the block lasts.
  const block = Buffer.allocUnsafeSlow(5 + bytes.length + flush.length)
  block[0] = 0
  block.writeUInt16LE(bytes.length, 1)
  block.writeUInt16LE(bytes.length ^ 0xffff, 3)
  block.set(bytes, 5)
  block.set(flush, 5 + bytes.length)
  return block
}
