// A stream as an Observable. Copy it.
import type { EventMap } from '@headwater/sse'
import { type EventsOptions, events as open, type StreamEvent } from '@headwater/sse/client'
import { Observable } from 'rxjs'

/**
 * Connects for each subscriber, and closes when it unsubscribes; with `share()`, once for all. Lost
 * connections are resumed without notice. It completes with the stream, and errs if that fails for
 * good; whoever subscribes again, as `retry()` does, goes on after the last event.
 */
export function fromEvents<M extends object>(
  url: string | URL,
  options: EventsOptions<M> & { events: EventMap<object, M>; parse?: undefined },
): Observable<StreamEvent<M>> {
  let { lastEventId } = options
  return new Observable((subscriber) => {
    const stream = open(url, { ...options, lastEventId })
    const read = async () => {
      for await (const event of stream) {
        lastEventId = event.lastEventId
        subscriber.next(event)
      }
    }
    read().then(
      () => subscriber.complete(),
      (error) => subscriber.error(error),
    )
    return () => stream.close()
  })
}
