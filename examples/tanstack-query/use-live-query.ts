// A query that is loaded once and then followed by events. Copy it.
import type { EventMap } from '@headwater/sse'
import { events as open, type StreamEvent } from '@headwater/sse/client'
import { type QueryKey, type UseQueryResult, useQuery, useQueryClient } from '@tanstack/react-query'
import { useEffect } from 'react'

/** What a query has in the cache: the data, and the last event that it contains. */
export interface Live<Data> {
  data: Data
  lastEventId: string
}

export interface LiveQuery<Data, M extends object> {
  queryKey: QueryKey
  /** Loads the data and the ID of the last event that it contains, so that none is lost in between. */
  queryFn: (context: { signal: AbortSignal }) => Promise<Live<Data>>
  url: string
  events: EventMap<object, M>
  /** The data after an event. It may contain the event already, if it was loaded again meanwhile. */
  apply: (data: Data, event: StreamEvent<M>) => Data
}

/** `url`, `events` and `apply` of the first render of a query count. */
export function useLiveQuery<Data, M extends object>(query: LiveQuery<Data, M>): UseQueryResult<Live<Data>> {
  const { queryKey, queryFn, url, events, apply } = query
  const client = useQueryClient()
  // Events keep it fresh, so that there is nothing to load again.
  const result = useQuery({ queryKey, queryFn, staleTime: Number.POSITIVE_INFINITY })
  const { isSuccess } = result
  // biome-ignore lint/correctness/useExhaustiveDependencies: a query has one stream, whatever is rendered
  useEffect(() => {
    const loaded = client.getQueryData<Live<Data>>(queryKey)
    if (!loaded) return
    const reload = () => client.invalidateQueries({ queryKey })
    // What was missed and is no longer kept is in what is loaded now.
    const stream = open(url, { events, lastEventId: loaded.lastEventId, onGap: reload })
    const follow = async () => {
      for await (const event of stream) {
        client.setQueryData<Live<Data>>(queryKey, (live) => {
          return live && { data: apply(live.data, event), lastEventId: event.lastEventId }
        })
      }
    }
    follow().catch((error) => console.error(`Live updates of ${url} ended: ${error.message}`))
    return () => stream.close()
  }, [client, JSON.stringify(queryKey), isSuccess])
  return result
}
