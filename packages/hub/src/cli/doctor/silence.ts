import type { Exchange } from './exchange.ts'
import type { ProbeClient } from './probe-client.ts'
import type { SilenceFacts } from './probe-facts.ts'

/** How many silences are tried at the same time. */
const width = 5
const rounds = 6

type Trial = { readonly ms: number; readonly result: 'passed' | 'closed' | 'lost'; readonly endedMs: number }

/**
 * Finds the longest silence that a stream survives, by bisection in several places at once: each round
 * tries silences between the longest that passed and the shortest that did not. Ends when the two are
 * within a tenth, or half a second.
 */
export async function measureSilence(
  client: ProbeClient,
  longestMs: number,
  timeoutMs: number,
  onProgress: (text: string) => void,
): Promise<SilenceFacts> {
  let passedMs = 0
  let cutMs: number | undefined
  let how: SilenceFacts['how']
  for (let round = 0; round < rounds; round++) {
    const high = cutMs ?? longestMs
    if (cutMs !== undefined && high - passedMs <= Math.max(500, passedMs / 10)) break
    const silences = round === 0 ? ladder(longestMs) : between(passedMs, high)
    onProgress(`silent for up to ${Math.round(high / 1000)} s`)
    for (const { ms, result, endedMs } of await Promise.all(silences.map((ms) => endure(client, ms, timeoutMs)))) {
      if (result === 'passed') {
        passedMs = Math.max(passedMs, ms)
        continue
      }
      how = result
      // A connection that was closed says itself when.
      const failedMs = result === 'closed' ? Math.min(ms, endedMs) : ms
      if (cutMs === undefined || failedMs < cutMs) cutMs = failedMs
    }
    if (cutMs === undefined) break
    // A longer silence may pass where a shorter one is cut by chance. What is cut counts.
    passedMs = Math.min(passedMs, cutMs)
  }
  return { passedMs, cutMs, how }
}

/** From a second up to the longest, by factors. */
export function ladder(longestMs: number): number[] {
  return Array.from({ length: width }, (_, index) =>
    Math.round(longestMs ** (index / (width - 1)) * 1000 ** (1 - index / (width - 1))),
  )
}

export function between(low: number, high: number): number[] {
  return Array.from({ length: width }, (_, index) => Math.round(low + ((high - low) * (index + 1)) / (width + 1)))
}

/** Keeps a stream silent for a time, and has an event follow. */
async function endure(client: ProbeClient, ms: number, timeoutMs: number): Promise<Trial> {
  const stream = client.open({ kind: 'guarded' })
  const { facts } = stream.live
  await stream.live.until(({ blocks }) => blocks.length > 0, timeoutMs)
  await stream.live.until(() => false, ms)
  const trial = (result: Trial['result']) => ({ ms, result, endedMs: silenceOf(facts) })
  try {
    if (facts.end) return trial('closed')
    const before = facts.blocks.length
    await stream.command('event')
    await stream.live.until(({ blocks }) => blocks.length > before, timeoutMs / 2)
    if (facts.blocks.length > before) return trial('passed')
    return trial(facts.end ? 'closed' : 'lost')
  } finally {
    stream.live.close()
  }
}

/** From the last byte to the end. */
function silenceOf({ end, arrivals }: Exchange): number {
  return (end?.atMs ?? 0) - (arrivals.at(-1)?.atMs ?? 0)
}
