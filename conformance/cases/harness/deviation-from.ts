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
