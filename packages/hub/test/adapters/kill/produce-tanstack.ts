import { readEvents } from '@headwater/sse'
import { EventType, type StreamChunk, toServerSentEventsResponse } from '@tanstack/ai'
import { hubDurability } from '../../../src/adapters/tanstack-ai/index.ts'
import type { Hub } from '../../../src/index.ts'
import { pauseBefore, type Script, tokenOf } from '../../streams/kill/script.ts'
import { runIdOf } from './kinds.ts'
import { isPassing, say } from './producing.ts'

/** Writes a run of TanStack AI, or goes on where another process stopped. */
export async function produceTanStack(hub: Hub, name: string, script: Script): Promise<void> {
  for (;;) {
    try {
      const options = { takesOver: true, stream: { private: false } }
      const adapter = hubDurability(hub, { runId: runIdOf(name) }, options)
      const { name: state } = await adapter.stream.state()
      if (state === 'ended' || state === 'gone') return
      const before = (await adapter.snapshot()).filter(({ chunk }) => chunk.type === EventType.TEXT_MESSAGE_CONTENT)
      let stored = before.length
      const response = toServerSentEventsResponse(chunksOf(name, script, stored), {
        durability: { adapter, batch: 1 },
        debug: false,
      })
      for await (const { data } of readEvents(response.body!)) {
        const chunk = JSON.parse(data) as StreamChunk
        if (chunk.type === EventType.TEXT_MESSAGE_CONTENT) say(`ack ${name} ${++stored}`)
      }
      return
    } catch (error) {
      if (!isPassing(error)) return
    }
  }
}

async function* chunksOf(name: string, script: Script, done: number): AsyncGenerator<StreamChunk> {
  const run = { runId: runIdOf(name), threadId: 't', timestamp: 0 }
  if (done === 0) yield { type: EventType.RUN_STARTED, ...run }
  for (let n = done; n < script.tokens; n++) {
    await pauseBefore(script, name, n)
    yield { type: EventType.TEXT_MESSAGE_CONTENT, messageId: 'm', delta: tokenOf(name, n), timestamp: 0 }
  }
  yield { type: EventType.RUN_FINISHED, ...run }
}
