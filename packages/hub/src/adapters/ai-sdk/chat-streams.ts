import { randomUUID } from 'node:crypto'
import { namesOf, parseEventId } from '@headwater/sse/internal'
import { readLastEventId } from '@headwater/sse/server'
import { assertHub } from '../../base/assert-hub.ts'
import { checkNames } from '../../base/check-names.ts'
import { HubError } from '../../base/errors.ts'
import type { Hub } from '../../create-hub.ts'
import { newestEvent } from '../../hub/newest-event.ts'
import type { HubStream, StreamOptions } from '../../streams/stream.ts'
import { nameInId } from '../../streams/stream-record.ts'
import { type ResumeUIMessageStreamOptions, resumeUIMessageStream } from './ui-message-stream.ts'

export interface ChatStreamsOptions {
  /** What the names of the streams begin with. Default: `chats`. */
  readonly prefix?: string | undefined
  /** Options of the streams. `private` is true unless they say otherwise: the program decides who reads. */
  readonly stream?: StreamOptions | undefined
}

/** The streams of chats: each message that a model writes is one, and the hub knows the newest of each chat. */
export interface ChatStreams {
  /**
   * Creates the stream of a chat's next message, which becomes the chat's newest.
   *
   * @throws HubError `INVALID_STREAM_NAME`, `TOO_MANY_STREAMS`, `HUB_CLOSED`; what the store throws.
   */
  begin(chatId: string): Promise<HubStream>
  /** The newest stream of a chat; `undefined` if it has none that is kept. Rejects as the store does. */
  newest(chatId: string): Promise<HubStream | undefined>
  /**
   * Answers the request by which `useChat` resumes a chat, as `resumeUIMessageStream` does: with the stream that
   * its last event ID is of, or else with the newest.
   */
  resume(request: Request, chatId: string, options?: ResumeUIMessageStreamOptions): Promise<Response>
  /**
   * Stops the newest stream of a chat: its writer's `signal` aborts, and its readers get an `abort` chunk.
   * Resolves to whether there was one to stop.
   */
  stop(chatId: string, reason?: string): Promise<boolean>
}

/**
 * The streams of chats, so that an application does not have to store which stream of a chat is active.
 *
 * @throws HubError `INVALID_OPTION`
 */
export function createChatStreams(hub: Hub, options: ChatStreamsOptions = {}): ChatStreams {
  assertHub(hub, 'createChatStreams(hub)')
  checkNames('the options of createChatStreams', options, optionNames)
  const { prefix = 'chats', stream: streamOptions } = options
  const open = (name: string) => hub.stream(name, { private: true, ...streamOptions })
  const beginningOf = (chatId: string) => `${prefix}/${encodeURIComponent(assertChatId(chatId))}/`
  const topicOf = (chatId: string) => `urn:headwater:ai-sdk:${beginningOf(chatId)}`

  /** The position of the newest beginning that this process stored. */
  let stored = 0

  async function newest(chatId: string): Promise<HubStream | undefined> {
    const name = (await newestEvent(hub, topicOf(chatId), stored))?.data
    return name?.startsWith(beginningOf(chatId)) ? open(name) : undefined
  }

  return {
    async begin(chatId) {
      const stream = open(`${beginningOf(chatId)}${randomUUID()}`)
      await stream.open()
      const id = await hub.publish({ topic: topicOf(chatId), data: stream.name, private: true })
      stored = Math.max(stored, parseEventId(id)?.position ?? 0)
      return stream
    },

    newest,

    async resume(request, chatId, resumeOptions) {
      const lastEventId = readLastEventId(request.headers.get('last-event-id') ?? undefined, request.url)
      const name = nameInId(lastEventId)
      // A second tab may have sent another message since.
      const stream = name?.startsWith(beginningOf(chatId)) ? open(name) : await newest(chatId)
      return await resumeUIMessageStream(request, stream, resumeOptions)
    },

    async stop(chatId, reason) {
      const stream = await newest(chatId)
      if ((await stream?.state())?.name !== 'open') return false
      return (await stream?.stop(reason)) === 'stopped'
    },
  }
}

const optionNames = namesOf<ChatStreamsOptions>({ prefix: true, stream: true })

function assertChatId(chatId: unknown): string {
  if (typeof chatId === 'string' && chatId !== '') return chatId
  throw new HubError('INVALID_OPTION', `The ID of the chat is ${JSON.stringify(chatId)}: it must be text.`)
}
