import { Stream } from '@anthropic-ai/sdk/core/streaming'

/** What its client makes of each response that it asked for with `stream: true`. It skips events without a type. */
export async function read(url, hand, { savedId, signal, init = {} }) {
  const headers = { ...init.headers, ...(savedId && { 'last-event-id': savedId }) }
  const controller = new AbortController()
  signal?.addEventListener('abort', () => controller.abort())
  const response = await fetch(url, { ...init, headers, signal: controller.signal })
  for await (const data of Stream.fromSSEResponse(response, controller)) hand({ data: JSON.stringify(data) })
}
