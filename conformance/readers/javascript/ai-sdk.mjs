import { parseJsonEventStream } from '@ai-sdk/provider-utils'
import { z } from 'zod'

export async function read(url, hand, { savedId, signal, init = {} }) {
  const headers = { ...init.headers, ...(savedId && { 'last-event-id': savedId }) }
  const response = await fetch(url, { ...init, headers, signal })
  for await (const part of parseJsonEventStream({ stream: response.body, schema: z.any() })) {
    if (!part.success) throw part.error
    hand({ data: JSON.stringify(part.value) })
  }
}
