import { HubError } from '../base/errors.ts'
import { everyTopic, exactTopic } from '../matching/matcher.ts'
import type { HubCore } from './hub-core.ts'
import type { ObservedEvent } from './observed-event.ts'

/** How often to look whether a copy has caught up, in milliseconds, and for how long. */
const lookMs = 10
const waitMs = 10_000

/**
 * The newest event of a topic that is kept, its data perhaps cut; `undefined` if there is none.
 * `atLeast` is the position of what the caller knows to be stored: a hub at the edge is waited for
 * until its copy has it.
 *
 * @throws HubError `STORE_FAILED` if the copy does not catch up; what the store throws.
 */
export async function newestEvent(hub: HubCore, topic: string, atLeast: number): Promise<ObservedEvent | undefined> {
  const view = { matchers: [exactTopic(topic)], rights: [everyTopic] }
  const end = performance.now() + waitMs
  for (;;) {
    const { events, head } = await hub.observed.page(view, { before: Number.MAX_SAFE_INTEGER }, 1)
    if (head >= atLeast) return events[0]
    if (performance.now() >= end) {
      throw new HubError(
        'STORE_FAILED',
        `This hub's copy of the history ends at ${head}, and ${atLeast} is stored. Try again.`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
}
