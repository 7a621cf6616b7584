import type { EventRecord } from '../store/store.ts'
import type { Selection } from './selection.ts'

/** How many steps of matching to make before other work has its turn: some milliseconds' worth. */
const stepsPerTurn = 500_000

/**
 * Returns the events of a page of the history that a selection admits. Costly patterns on a page of
 * long topics take many turns of the event loop, so that a client that reads a history with them
 * delays no other. Rejects with the signal's reason at the next such turn.
 */
export async function admittedEvents<E extends Pick<EventRecord, 'topics' | 'isPrivate'>>(
  events: readonly E[],
  selection: Selection,
  signal?: AbortSignal,
): Promise<readonly E[]> {
  const admitted: E[] = []
  let steps = 0
  for (const event of events) {
    if (selection.admits(event)) admitted.push(event)
    for (const topic of event.topics) steps += selection.cost * topic.length
    if (steps < stepsPerTurn) continue
    steps = 0
    await new Promise((resolve) => setImmediate(resolve))
    signal?.throwIfAborted()
  }
  return admitted
}
