import { type EventIdentity, eventData } from '../hub/content.ts'
import { Reference } from '../hub/crowd/reference.ts'
import { StreamChecker } from '../hub/crowd/stream-checker.ts'
import { Tally } from '../hub/crowd/tally.ts'

/** An event as a server sends it. */
export function block({ stream, seq }: EventIdentity, bytes = 60): string {
  return `id: e.${stream}-${seq}\ndata: ${eventData({ stream, seq }, bytes)}\n\n`
}

/** The first events of stream 0. */
export function blocks(count: number): string[] {
  return Array.from({ length: count }, (_, seq) => block({ stream: 0, seq }))
}

export function chunk(text: string): string {
  return text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`
}

/** Text in chunks of this many bytes. */
export function rechunk(text: string, size: number): string {
  let chunks = ''
  for (let at = 0; at < text.length; at += size) chunks += chunk(text.slice(at, at + size))
  return chunks
}

/** A feed of a few subscribers, all checked against each other. */
export class Feed {
  readonly tally = new Tally()
  readonly reference: Reference

  constructor(streams: readonly number[] = [0], firstSeq = 0) {
    const dueTimes = { times: new Float64Array(1000).fill(1), perStream: 100 }
    this.reference = new Reference(new Map(streams.map((stream) => [stream, firstSeq])), dueTimes)
  }

  /** A subscriber that receives these bytes, in reads of this many bytes. */
  receive(wire: string, readBytes = wire.length, isChunked = true): StreamChecker {
    const checker = new StreamChecker(this.reference, this.tally, isChunked)
    feed(checker, wire, readBytes)
    return checker
  }
}

export function feed(checker: StreamChecker, wire: string, readBytes = wire.length): void {
  // As from a socket: each read is into the same memory.
  const memory = Buffer.alloc(readBytes)
  for (let at = 0; at < wire.length; at += readBytes) {
    const length = memory.write(wire.slice(at, at + readBytes), 'latin1')
    checker.receive(memory, 0, length, 2)
  }
}
