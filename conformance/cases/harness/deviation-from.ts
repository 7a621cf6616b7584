import type { Deviation } from './conformance-case.ts'
import { type Chunk, ending, stream } from './responses.ts'
import type { Trial } from './trial.ts'

/** The same deviation from several cases. */
export function fromEach(names: string[], deviation: Deviation): Record<string, Deviation> {
  return Object.fromEntries(names.map((name) => [name, deviation]))
}

/** Asserts that after this stream the source stays as it is: waiting, for longer than the case would have it. */
export function keepsWaiting(...chunks: Chunk[]) {
  return async (t: Trial): Promise<void> => {
    const served = await t.serve(ending(...chunks), stream())
    const source = t.watch(served.url)
    await source.nextAfterOthers('error')
    await t.whileAnotherReconnects(2)
    t.equal((await served.requested(1)).length, 1, 'requests')
  }
}

/** Asserts that after this stream, which told it to wait for ten minutes before, the source comes back all the same. */
export function reconnectsAfter(...chunks: Chunk[]) {
  return async (t: Trial): Promise<void> => {
    const served = await t.serve(ending('retry: 600000\n\n', ...chunks), stream())
    t.watch(served.url)
    await served.requested(2)
  }
}

/** Asserts that `retry: 1` is not taken at its word: three waits, with all that is around them, take three times this. */
export function waitsAtLeast(milliseconds: number) {
  return async (t: Trial): Promise<void> => {
    const served = await t.serve(ending('retry: 1\n\n'), ending(), ending(), stream())
    const constructed = performance.now()
    t.watch(served.url)
    await served.requested(4)
    // A slow machine makes it more, never less.
    t.equal(performance.now() - constructed >= 3 * milliseconds - 10, true, 'three reconnects took that long')
  }
}

/** Asserts that this stream, which told it `retry: 1` first, brings back the default delay. */
export function waitsThreeSecondsAfter(...chunks: Chunk[]) {
  return async (t: Trial): Promise<void> => {
    const served = await t.serve(ending(...chunks), stream())
    // The wait and all that was around it: a slow machine makes it more, never less.
    const constructed = performance.now()
    t.watch(served.url)
    await served.requested(2)
    t.equal(performance.now() - constructed >= 2990, true, 'the reconnect took three seconds')
  }
}

/** Asserts that the source is CONNECTING until the body has begun. */
export async function opensAtTheFirstByte(t: Trial): Promise<void> {
  const served = await t.serve(stream({ wait: 'asked' }, ':\n'))
  const source = t.watch(served.url)
  await served.requested(1)
  await t.whileAnotherReconnects(1)
  t.equal(source.readyState, 0, 'readyState before the first byte')
  await served.signal('asked')
  await source.next('open')
}
