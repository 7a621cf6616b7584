import { MockLanguageModelV4 } from 'ai/test'

type Result = Awaited<ReturnType<MockLanguageModelV4['doStream']>>
type Part = Result['stream'] extends ReadableStream<infer P> ? P : never

/** A model that writes what a test tells it to, word by word. */
export interface ScriptedModel {
  readonly model: MockLanguageModelV4
  /** Writes a part of the text. Resolves when it was taken. */
  write(text: string): Promise<void>
  finish(): Promise<void>
  /** Fails as a provider does. */
  fail(error: unknown): void
  /** Aborts when the model's request is aborted. */
  readonly aborted: Promise<unknown>
}

export function scriptedModel(): ScriptedModel {
  const { readable, writable } = new TransformStream<Part, Part>(
    undefined,
    { highWaterMark: 1000 },
    { highWaterMark: 1000 },
  )
  const writer = writable.getWriter()
  const aborted = Promise.withResolvers<unknown>()
  let hasBegun = false
  const begin = async () => {
    if (hasBegun) return
    hasBegun = true
    await writer.write({ type: 'stream-start', warnings: [] })
    await writer.write({ type: 'text-start', id: '1' })
  }
  const model = new MockLanguageModelV4({
    doStream: async ({ abortSignal }) => {
      abortSignal?.addEventListener('abort', () => {
        aborted.resolve(abortSignal.reason)
        writer.abort(abortSignal.reason).catch(() => {})
      })
      return { stream: readable }
    },
  })
  return {
    model,
    aborted: aborted.promise,
    async write(text) {
      await begin()
      await writer.write({ type: 'text-delta', id: '1', delta: text })
    },
    async finish() {
      await begin()
      await writer.write({ type: 'text-end', id: '1' })
      await writer.write({
        type: 'finish',
        finishReason: { unified: 'stop', raw: undefined },
        usage: {
          inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
          outputTokens: { total: 1, text: 1, reasoning: undefined },
        },
      })
      await writer.close()
    },
    fail: (error) => void writer.abort(error).catch(() => {}),
  }
}
