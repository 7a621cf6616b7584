import { namesOf } from '@headwater/sse/internal'
import { GAP_EVENT_TYPE } from '@headwater/sse/server'
import { assertHub } from '../../base/assert-hub.ts'
import { checkNames } from '../../base/check-names.ts'
import { HubError } from '../../base/errors.ts'
import type { Hub } from '../../create-hub.ts'
import { everyTopic, exactTopic } from '../../matching/matcher.ts'

/** A `ServerEvent` of `@modelcontextprotocol/server`: what a server's clients may want to read again. */
export type McpServerEvent = (
  | { kind: 'tools_list_changed' }
  | { kind: 'prompts_list_changed' }
  | { kind: 'resources_list_changed' }
  | { kind: 'resource_updated'; uri: string }
) & { params?: { [name: string]: unknown } | undefined }

export interface McpEventBusOptions {
  /**
   * The topic of the events. Servers that share it share their events: give each MCP server, and each tenant whose
   * changes others must not learn of, its own. Default: `urn:headwater:mcp:server-events`.
   */
  readonly topic?: string | undefined
  /** Called with what fails where the SDK awaits nothing. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined
}

/** The `ServerEventBus` of `@modelcontextprotocol/server` 2.x, for `createMcpHandler({ bus })`. */
export interface McpEventBus {
  publish(event: McpServerEvent): void
  /** Calls a listener with every event from now on, of this process, too. Returns how to stop. */
  subscribe(listener: (event: McpServerEvent) => void): () => void
  /** Resolves when everything published so far is stored. Never rejects. */
  settled(): Promise<void>
  /** Calls no listener any more. The hub is not closed. */
  close(): void
}

/** How long to wait before the hub is asked again, in milliseconds. */
const retryMs = 1000

/**
 * Connects the processes of an MCP server: what one publishes, the clients of all that subscribed to it by
 * `subscriptions/listen` are told. Where events are lost to the history's retention, all lists count as changed.
 *
 * @throws HubError `INVALID_OPTION`
 */
export function createMcpEventBus(hub: Hub, options: McpEventBusOptions = {}): McpEventBus {
  assertHub(hub, 'createMcpEventBus(hub)')
  checkNames('the options of createMcpEventBus', options, optionNames)
  const { topic = 'urn:headwater:mcp:server-events', onError = console.error } = options
  const listeners = new Set<(event: McpServerEvent) => void>()
  const closing = new AbortController()
  const publishing = new Set<Promise<unknown>>()

  const deliver = (event: McpServerEvent) => {
    for (const listener of listeners) {
      try {
        listener(event)
      } catch (error) {
        onError(error)
      }
    }
  }

  /** Follows the topic from where it is now, until the bus or the hub closes. */
  async function follow(): Promise<void> {
    const rights = [everyTopic]
    const { signal } = closing
    let lastEventId: string | undefined
    while (!signal.aborted) {
      try {
        lastEventId ??= await hub.lastEventId({ matchers: [exactTopic(topic)], rights, signal })
        for await (const { id, type, data } of hub.subscribe(topic, { lastEventId, rights, signal })) {
          lastEventId = id
          if (type === GAP_EVENT_TYPE) for (const kind of lists) deliver({ kind })
          else deliver(JSON.parse(data) as McpServerEvent)
        }
        return
      } catch (error) {
        if (signal.aborted || (error instanceof HubError && error.code === 'HUB_CLOSED')) return
        onError(error)
        await new Promise((resolve) => setTimeout(resolve, retryMs).unref())
      }
    }
  }

  // At once: a listener gets what is published after it subscribed, whoever publishes it.
  void follow()

  return {
    publish(event) {
      const published = hub.publish({ topic, data: JSON.stringify(event), private: true }).catch(onError)
      publishing.add(published)
      void published.then(() => publishing.delete(published))
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async settled() {
      await Promise.all(publishing)
    },
    close() {
      listeners.clear()
      closing.abort()
    },
  }
}

const optionNames = namesOf<McpEventBusOptions>({ topic: true, onError: true })
const lists = ['tools_list_changed', 'prompts_list_changed', 'resources_list_changed'] as const
