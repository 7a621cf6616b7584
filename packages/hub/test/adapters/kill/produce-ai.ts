import type { UIMessageChunk } from 'ai'
import { sendUIMessageStream } from '../../../src/adapters/ai-sdk/index.ts'
import type { Hub, HubStream } from '../../../src/index.ts'
import { pauseBefore, type Script, tokenOf } from '../../streams/kill/script.ts'
import { isPassing, say } from './producing.ts'

/** Writes a message of the AI SDK, or goes on where another process stopped. */
export async function produceAi(hub: Hub, name: string, script: Script): Promise<void> {
  for (;;) {
    try {
      const { stream, done } = await begin(hub, name)
      const request = new Request('http://app.invalid/', { method: 'POST' })
      const response = await sendUIMessageStream(request, stream, chunksOf(name, script, done), { onError: () => {} })
      // What the response has is stored. It begins at the beginning.
      const stored = await response.text().catch(() => '')
      say(`ack ${name} ${stored.split('"type":"text-delta"').length - 1}`)
      return
    } catch (error) {
      if (!isPassing(error)) return
    }
  }
}

async function begin(hub: Hub, name: string): Promise<{ stream: HubStream; done: number }> {
  const stream = hub.stream(name)
  try {
    await stream.open()
    return { stream, done: 0 }
  } catch (error) {
    if ((error as { code?: string }).code !== 'STREAM_HAS_WRITER') throw error
    const next = hub.stream(name)
    return { stream: next, done: (await next.takeOver()).events.length }
  }
}

/** The chunks of the message after so many. */
function chunksOf(name: string, script: Script, done: number): ReadableStream<UIMessageChunk> {
  let next = done
  return new ReadableStream({
    async pull(controller) {
      const index = next++
      const token = index - 2
      if (index === 0) return controller.enqueue({ type: 'start', messageId: name })
      if (index === 1) return controller.enqueue({ type: 'text-start', id: 't' })
      if (token < script.tokens) {
        await pauseBefore(script, name, token)
        return controller.enqueue({ type: 'text-delta', id: 't', delta: tokenOf(name, token) })
      }
      if (token === script.tokens) return controller.enqueue({ type: 'text-end', id: 't' })
      controller.enqueue({ type: 'finish' })
      controller.close()
    },
  })
}
