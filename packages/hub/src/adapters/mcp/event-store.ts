import { createHash } from 'node:crypto'
import { namesOf, parseEventId } from '@headwater/sse/internal'
import { GAP_EVENT_TYPE } from '@headwater/sse/server'
import { assertHub } from '../../base/assert-hub.ts'
import { checkNames } from '../../base/check-names.ts'
import { HubError } from '../../base/errors.ts'
import type { Hub } from '../../create-hub.ts'
import { newestEvent } from '../../hub/newest-event.ts'
import { everyTopic } from '../../matching/matcher.ts'
import { Replays } from './replays.ts'

export interface McpEventStoreOptions {
  /**
   * The session whose messages are stored: the ID that the transport's `sessionIdGenerator` returns. Each session
   * has a store of its own, because the transport calls the stream of every session's notifications the same.
   */
  readonly sessionId: string
  /** What the topics of the messages begin with. Default: `urn:headwater:mcp`. */
  readonly topic?: string | undefined
}

/** The `EventStore` of the MCP SDK: of `@modelcontextprotocol/sdk` 1.x and of `@modelcontextprotocol/server` 2.x. */
export interface McpEventStore {
  /** Stores a message of a stream, and resolves to its ID once it is safe. */
  storeEvent(streamId: string, message: object): Promise<string>
  /**
   * Sends what a stream had after an event, in order, and resolves to the stream's ID.
   *
   * @throws HubError `INVALID_EVENT_ID` for an ID of another session, or of none; `STREAM_GONE` if messages after it
   * are no longer kept; what the store throws.
   */
  replayEventsAfter(
    lastEventId: string,
    // biome-ignore lint/suspicious/noExplicitAny: the SDK's types of a message differ by version, and it is one of them
    { send }: { readonly send: (eventId: string, message: any) => Promise<void> },
  ): Promise<string>
}

/**
 * Keeps the messages of an MCP session in a hub: a client that reconnects with `Last-Event-ID` gets what it missed,
 * after a restart of the server, too.
 *
 * @throws HubError `INVALID_OPTION`
 */
export function createMcpEventStore(hub: Hub, options: McpEventStoreOptions): McpEventStore {
  assertHub(hub, 'createMcpEventStore(hub, { sessionId })')
  checkNames('the options of createMcpEventStore', options, optionNames)
  const { sessionId, topic = 'urn:headwater:mcp' } = options
  if (typeof sessionId !== 'string' || sessionId === '') {
    throw new HubError(
      'INVALID_OPTION',
      `sessionId is ${JSON.stringify(sessionId)}: pass the one that sessionIdGenerator returns, of one session.`,
    )
  }
  const session = tagOf(sessionId)
  const topicOf = (streamId: string) => `${topic}:${session}:${encodeURIComponent(streamId)}`
  const replays = new Replays()
  /** The position of the newest event that this process stored. */
  let stored = 0

  return {
    async storeEvent(streamId, message) {
      const id = await hub.publish({ topic: topicOf(streamId), data: JSON.stringify(message), private: true })
      stored = Math.max(stored, parseEventId(id)?.position ?? 0)
      await replays.settled(streamId)
      return eventId({ session, streamId, id })
    },

    async replayEventsAfter(lastEventId, { send }) {
      const from = readEventId(lastEventId)
      if (from?.session !== session) throw foreignError(lastEventId)
      const { streamId } = from
      const end = replays.begin(streamId)
      try {
        for await (const { id, data } of missed(hub, topicOf(streamId), from.id, stored)) {
          await send(eventId({ session, streamId, id }), JSON.parse(data))
        }
      } finally {
        end()
      }
      return streamId
    },
  }
}

const optionNames = namesOf<McpEventStoreOptions>({ sessionId: true, topic: true })

/** The events of a topic after an ID, up to now, and at least up to a position. */
async function* missed(hub: Hub, topic: string, lastEventId: string, atLeast: number) {
  if (!parseEventId(lastEventId)) throw foreignError(lastEventId)
  const last = await newestEvent(hub, topic, atLeast)
  if (!last || last.id === lastEventId) return
  for await (const event of hub.subscribe(topic, { lastEventId, rights: [everyTopic] })) {
    if (event.type === GAP_EVENT_TYPE) throw lostError(lastEventId)
    yield event
    if (event.id === last.id) return
  }
}

/** What an event ID of a session says: `SESSION.STREAM.ID`, of which only the ID may contain dots. */
interface McpEventId {
  readonly session: string
  readonly streamId: string
  /** The ID of the event in the hub. */
  readonly id: string
}

function eventId({ session, streamId, id }: McpEventId): string {
  return `${session}.${encodeURIComponent(streamId).replaceAll('.', '%2E')}.${id}`
}

function readEventId(text: string): McpEventId | undefined {
  const [, session, stream, id] = /^([\w-]+)\.([^.]+)\.(.+)$/.exec(text) ?? []
  if (session === undefined || stream === undefined || id === undefined) return undefined
  try {
    return { session, streamId: decodeURIComponent(stream), id }
  } catch {
    // An ID that a client made up.
    return undefined
  }
}

/** Stands for a session in topics and IDs: the session's own ID is a secret, and these are shown to operators. */
function tagOf(sessionId: string): string {
  return createHash('sha256').update(sessionId).digest('base64url').slice(0, 22)
}

function foreignError(lastEventId: string): HubError {
  return new HubError(
    'INVALID_EVENT_ID',
    `The last event ID ${JSON.stringify(lastEventId.slice(0, 300))} is not of this session. A client can resume only what its own session sent.`,
  )
}

function lostError(lastEventId: string): HubError {
  return new HubError(
    'STREAM_GONE',
    `Messages after ${JSON.stringify(lastEventId)} are no longer kept by the hub's history. Keep more of it, or resume sooner.`,
  )
}
