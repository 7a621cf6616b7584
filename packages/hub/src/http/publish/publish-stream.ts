import { HubError } from '../../base/errors.ts'
import { untilAborted } from '../../base/until-aborted.ts'
import type { PreparedEvent } from '../../hub/publish-init.ts'
import type { PublishPermission } from '../access/permission.ts'
import { ruleFor, toProblem } from '../message/problem.ts'
import { parseEventJson } from './event-json.ts'
import { type Line, splitLines } from './line-splitter.ts'
import { prepareEvent } from './prepare-event.ts'
import type { PublishContext } from './publish-context.ts'

/** A request whose body is a stream of events. */
export interface EventLines {
  readonly body: AsyncIterable<Uint8Array>
  /** Its idempotency key. */
  readonly key: string | undefined
  readonly permission: PublishPermission
  /** What it is counted by. */
  readonly address: string | undefined
}

/**
 * Publishes a stream of events, one line of JSON each, and yields one line for each of them, in their order: its number and
 * either the ID, or a problem. What is read together is stored together, and nothing more is read until what was is
 * stored and acknowledged, so that nobody can send faster than the hub stores.
 *
 * - A line that is no valid event, or that may not be published, is not: its acknowledgement says why, and the next is seen to.
 * - When the hub cannot store, each line it has read is told so, and the stream ends. Nothing of what follows is published. To go on, the
 *   publisher sends again from the first line that has no ID; with an `idempotency_key` in each line, none is published twice.
 */
export async function* publishStream(lines: EventLines, context: PublishContext): AsyncGenerator<string> {
  const { quotas, limits, closing } = context
  for await (const batch of untilAborted(splitLines(lines.body, limits.maxBodyBytes), closing)) {
    const entries = batch.map((line) => toEntry(line, lines, context))
    await quotas.publishInTime(lines.address, entries.length)
    const failure = await store(entries, context)
    yield entries.map((entry) => acknowledge(entry, failure)).join('')
    if (failure) return
  }
}

/** A line on its way: an event, or why it is none; then the ID. */
interface Entry {
  readonly number: number
  readonly event: PreparedEvent | undefined
  readonly refusal: HubError | undefined
  id?: string
}

function toEntry({ number, bytes }: Line, { permission, key }: EventLines, { hub, onError }: PublishContext): Entry {
  try {
    if (!bytes) throw new HubError('TOO_LARGE', 'The line is longer than a line may be.')
    return { number, event: prepareEvent(parseEventJson(bytes), permission, hub, key, number), refusal: undefined }
  } catch (error) {
    return { number, event: undefined, refusal: known(error, onError) }
  }
}

/** Stores the events among the entries. Resolves to the reason if the store failed. */
async function store(entries: readonly Entry[], { hub, onError }: PublishContext): Promise<HubError | undefined> {
  const accepted = entries.filter(({ event }) => event)
  try {
    const ids = await hub.appendAll(accepted.map(({ event }) => event!))
    for (const [index, entry] of accepted.entries()) entry.id = ids[index]!
    return undefined
  } catch (error) {
    return known(error, onError)
  }
}

function acknowledge({ number, id, refusal }: Entry, failure: HubError | undefined): string {
  const error = refusal ?? failure
  const { title: _, ...problem } = toProblem(error)
  return `${JSON.stringify(id === undefined ? { line: number, ...problem } : { line: number, id })}\n`
}

/** The client is told what it did wrong. What the store does wrong, the operator has to know as well. */
function known(error: unknown, onError: (error: unknown) => void): HubError {
  if (ruleFor(error).logged === 'failure') onError(error)
  if (error instanceof HubError) return error
  return new HubError(
    'STORE_FAILED',
    'The hub failed to publish this line, and may or may not have it. Its log says why.',
  )
}
