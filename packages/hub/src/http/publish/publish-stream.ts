import { parseEventId } from '@headwater/sse/internal'
import { HubError } from '../../base/errors.ts'
import { untilAborted } from '../../base/until-aborted.ts'
import type { PreparedEvent } from '../../hub/publish-init.ts'
import type { HubSpan } from '../../hub/telemetry.ts'
import { isIdTaken } from '../../store/id-taken.ts'
import type { PublishPermission } from '../access/permission.ts'
import { ruleFor, toProblem } from '../message/problem.ts'
import { admitEvent, type RequestDefaults } from './admit-event.ts'
import { parseEventJson } from './event-json.ts'
import { type Line, splitLines } from './line-splitter.ts'
import type { PublishContext } from './publish-context.ts'

/** A request whose body is a stream of events. */
export interface EventLines {
  readonly body: AsyncIterable<Uint8Array>
  /** What its lines do not say themselves. */
  readonly defaults: RequestDefaults
  /** The span of the request, if there is one. */
  readonly span: HubSpan | undefined
  readonly permission: PublishPermission
  /** The address that its events are counted by. */
  readonly address: string | undefined
}

/**
 * Publishes a stream of events, one line of JSON each. For each it yields one line, in the same
 * order: the line's number and either the event's ID or a problem; `already` if the event is known by
 * its key, and was stored before. Lines that are read together are
 * stored together. The hub reads no more until it has stored and acknowledged those, so that no
 * client can send faster than the hub stores.
 *
 * - A line that is not a valid event, or that may not be published, is rejected: its
 *   acknowledgement says why, and the hub continues with the next line.
 * - If the hub cannot store, it reports so for each line it has read, and ends the stream. It
 *   publishes nothing of the rest. To continue, the publisher sends again from the first line that
 *   has no ID; with an `idempotency_key` in each line, none is published twice.
 */
export async function* publishStream(lines: EventLines, context: PublishContext): AsyncGenerator<string> {
  const { quotas, limits, closing } = context
  for await (const batch of untilAborted(splitLines(lines.body, limits.maxBodyBytes), closing)) {
    const entries = batch.map((line) => toEntry(line, lines, context))
    await quotas.publishInTime(lines.address, entries.length)
    const failure = await store(entries, context, lines.span)
    yield entries.map((entry) => acknowledge(entry, failure)).join('')
    if (failure) return
  }
}

/** A line in progress: an event, or the reason why it is not one; later its ID. */
interface Entry {
  readonly number: number
  readonly event: PreparedEvent | undefined
  refusal: HubError | undefined
  id?: string
  /** Whether it is known by its key, and so was stored before. */
  isKnown?: boolean
}

function toEntry(
  { number, bytes }: Line,
  { permission, defaults }: EventLines,
  { hub, onError }: PublishContext,
): Entry {
  try {
    if (!bytes) throw new HubError('TOO_LARGE', 'The line is longer than the hub accepts.')
    return { number, event: admitEvent(parseEventJson(bytes), permission, hub, defaults, number), refusal: undefined }
  } catch (error) {
    return { number, event: undefined, refusal: known(error, onError) }
  }
}

/** Stores the events among the entries. Resolves to the error if the store failed. */
async function store(
  entries: readonly Entry[],
  { hub, onError }: PublishContext,
  span: HubSpan | undefined,
): Promise<HubError | undefined> {
  const accepted = entries.filter(({ event }) => event)
  const { headPosition } = hub
  const results = await hub.appendEach(
    accepted.map(({ event }) => event!),
    span,
  )
  let failure: HubError | undefined
  for (const [index, entry] of accepted.entries()) {
    const result = results[index]!
    if (result.status === 'fulfilled') {
      entry.id = result.value
      // A new event comes after all that there were. What a publisher's own ID says of that is nothing.
      const position = entry.event?.event.id === undefined ? parseEventId(result.value)?.position : undefined
      entry.isKnown = position !== undefined && position <= headPosition
    } else if (isIdTaken(result.reason)) entry.refusal = result.reason
    else failure ??= known(result.reason, onError)
  }
  return failure
}

function acknowledge({ number, id, isKnown, refusal }: Entry, failure: HubError | undefined): string {
  if (id !== undefined) return `${JSON.stringify({ line: number, id, ...(isKnown && { already: true }) })}\n`
  const error = refusal ?? failure
  const { title: _, ...problem } = toProblem(error)
  return `${JSON.stringify({ line: number, ...problem })}\n`
}

/** The client learns what it did wrong. The operator must also learn of the store's failures. */
function known(error: unknown, onError: (error: unknown) => void): HubError {
  if (ruleFor(error).logged === 'failure') onError(error)
  if (error instanceof HubError) return error
  return new HubError(
    'STORE_FAILED',
    'The hub failed to publish this line, and may or may not have stored it. Its log says why.',
  )
}
