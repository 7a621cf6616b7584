import { namesOf } from '@headwater/sse/internal'
import { GAP_EVENT_TYPE } from '@headwater/sse/server'
import { refuseUnknownName } from '../base/check-names.ts'
import { HubError } from '../base/errors.ts'
import { everyTopic } from '../matching/matcher.ts'
import type { HubCore, SubscribeOptions } from './hub-core.ts'
import type { HubEvent } from './program-events.ts'
import type { PublishInit } from './publish-init.ts'

/** A topic whose events carry values of one type, as JSON. */
export interface TypedTopic<T> {
  readonly name: string
  /**
   * Publishes a value, with the event's other fields in `options`. Resolves to the ID. Throws as
   * `hub.publish` does.
   */
  publish(value: T, options?: Omit<PublishInit, 'topic' | 'data'>): Promise<string>
  /**
   * Yields the topic's events with their values, including private events. Rejects with
   * `INVALID_DATA` if the data is not JSON or `parse` refuses it, because others may publish to
   * this topic too. Also rejects with it at a gap, unless `onGap` is set.
   */
  subscribe(options?: TypedSubscribeOptions): AsyncGenerator<TypedEvent<T>, void, undefined>
}

export interface TypedEvent<T> extends Omit<HubEvent, 'data'> {
  readonly data: T
}

export interface TypedSubscribeOptions extends Omit<SubscribeOptions, 'rights'> {
  /** Called where events are missing. */
  readonly onGap?: ((gap: HubEvent) => void) | undefined
}

/**
 * Gives a topic of a hub a type. `parse` turns the parsed JSON into the value, or throws. Without
 * it, the value is trusted.
 */
export function typedTopic<T>(
  hub: HubCore,
  name: string,
  parse: (value: unknown) => T = (value) => value as T,
): TypedTopic<T> {
  return {
    name,
    async publish(value, options) {
      const data = JSON.stringify(value)
      if (data !== undefined) return await hub.publish({ ...options, topic: name, data })
      throw new HubError('INVALID_DATA', `A value for topic ${JSON.stringify(name)} has no JSON form: ${typeof value}.`)
    },
    async *subscribe(given = {}) {
      refuseUnknownName('the options of subscribe', given, subscribeNames)
      const { onGap, ...options } = given
      for await (const event of hub.subscribe(name, { ...options, rights: [everyTopic] })) {
        if (event.type === GAP_EVENT_TYPE) {
          if (!onGap)
            throw new HubError('INVALID_DATA', `Events of topic ${JSON.stringify(name)} are lost: ${event.data}`)
          onGap(event)
          continue
        }
        yield { ...event, data: read(event, parse) }
      }
    },
  }
}

const subscribeNames = namesOf<TypedSubscribeOptions>({ lastEventId: true, signal: true, onGap: true })

function read<T>({ id, topics, data }: HubEvent, parse: (value: unknown) => T): T {
  try {
    return parse(JSON.parse(data))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new HubError(
      'INVALID_DATA',
      `The data of event ${id} on topic ${JSON.stringify(topics[0])} is not of its type: ${why}`,
      { cause },
    )
  }
}
