import { HubError } from '../../base/errors.ts'
import type { Acknowledgement } from '../hub-client.ts'
import type { ObservedHub } from '../observed-routes.ts'
import { publishLines } from '../publish-lines.ts'
import { type Importing, leavesOut } from './importing.ts'

/**
 * Publishes events to a hub, each under the ID that it had: another event with that ID is the same one,
 * so nothing is doubled, however often this is run.
 */
export async function importIntoHub(
  { url, token }: ObservedHub,
  { events, counts, onProgress, say }: Importing,
): Promise<void> {
  const { stop } = await publishLines(linesOf(), {
    hub: url,
    token,
    key: undefined,
    toEvent: (line) => JSON.parse(line) as Record<string, unknown>,
    waitMs: Infinity,
    onAway: (reason) => say(`no answer from ${url.origin} (${reason}); retrying until there is one.`),
    concernsOne: ({ status, code }) =>
      status === 409 || status === 413 || code === 'INVALID_EVENT_ID' || code === 'INVALID_TOPIC',
    onAcknowledged(acknowledgement) {
      count(acknowledgement)
      onProgress()
    },
    onRefused() {},
  })
  if (!stop) return
  throw new HubError(
    stop.name === 'away' ? 'HUB_UNREACHABLE' : 'HUB_REFUSED',
    `The hub refused an event: ${stop.reason} ${counts.imported} events were imported before.`,
  )

  async function* linesOf(): AsyncGenerator<Uint8Array> {
    for await (const { event } of events) {
      const { id, topics, type, private: isPrivate, retry, data, traceparent, tracestate } = event
      if (leavesOut(event, counts)) continue
      const init = { topic: topics, id, type, private: isPrivate, retry, data, traceparent, tracestate }
      yield Buffer.from(`${JSON.stringify(init)}\n`)
    }
  }

  function count(acknowledgement: Acknowledgement): void {
    if (acknowledgement.name === 'stored') counts.imported++
    else if (acknowledgement.code === 'EVENT_ID_TAKEN') counts.already++
    else if (acknowledgement.code === 'INVALID_EVENT_ID' && /this hub's own ids/.test(acknowledgement.reason))
      counts.trimmed++
    else {
      counts.refused++
      say(`an event was refused: ${acknowledgement.reason}`)
    }
  }
}
