import type { Arrival } from '../exchange.ts'

/** Bytes that came together, after a silence. */
export interface Burst {
  readonly atMs: number
  readonly bytes: number
  readonly blocks: number
  /** How long nothing had come before. */
  readonly silenceMs: number
  /** It stopped in the middle of an event, though a silence followed. */
  readonly stopsInside: boolean
}

/** What comes within this time of the arrival before is one burst. */
const togetherMs = 100
/** A silence of this length after half an event is no accident of the network. */
const pauseMs = 500

export function burstsOf(arrivals: readonly Arrival[], endMs: number): Burst[] {
  const bursts: Burst[] = []
  for (const [index, { atMs, bytes, blocks, isInsideEvent }] of arrivals.entries()) {
    const silenceMs = atMs - (arrivals[index - 1]?.atMs ?? 0)
    const nextMs = arrivals[index + 1]?.atMs ?? endMs
    const stopsInside = isInsideEvent && nextMs - atMs >= pauseMs
    const last = bursts.at(-1)
    if (last && silenceMs < togetherMs) {
      bursts[bursts.length - 1] = { ...last, bytes: last.bytes + bytes, blocks: last.blocks + blocks, stopsInside }
    } else {
      bursts.push({ atMs, bytes, blocks, silenceMs, stopsInside })
    }
  }
  return bursts
}

/** The size of a buffer that such an amount fills, such as 4,096; `undefined` if it is not a round one. */
export function bufferSizeOf(bytes: number): number | undefined {
  // Less what the framing of chunks takes from a buffer that holds it, too.
  return [65_536, 32_768, 16_384, 8192, 4096, 2048, 1024].find(
    (size) => bytes > 0 && (bytes % size === 0 || size - (bytes % size) <= 32),
  )
}
