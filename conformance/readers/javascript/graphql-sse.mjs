import { createClient } from 'graphql-sse'

/** A subscription over a connection of its own, which is a POST, or what `init` says. */
export function read(url, hand, { savedId, signal, init = {} }) {
  const client = createClient({
    url,
    retryAttempts: 0,
    ...(savedId && { headers: { 'last-event-id': savedId } }),
    fetchFn: (input, request) =>
      fetch(input, { ...request, ...init, headers: { ...request.headers, ...init.headers } }),
  })
  signal?.addEventListener('abort', () => client.dispose())
  return new Promise((resolve, reject) => {
    client.subscribe(
      { query: 'subscription { rows }' },
      { next: (value) => hand({ type: 'next', data: JSON.stringify(value) }), error: reject, complete: resolve },
    )
  })
}
