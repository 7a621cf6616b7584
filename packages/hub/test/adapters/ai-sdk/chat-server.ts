import { convertToModelMessages, generateId, streamText, toUIMessageStream, type UIMessage } from 'ai'
import type { MockLanguageModelV4 } from 'ai/test'
import { createChatStreams } from '../../../src/adapters/ai-sdk/chat-streams.ts'
import { sendUIMessageStream } from '../../../src/adapters/ai-sdk/ui-message-stream.ts'
import type { Hub } from '../../../src/create-hub.ts'

/** The three routes of a chat, as an application has them: `/api/chat` and `/api/chat/ID/stream`. */
export function chatRoutes(
  hub: Hub,
  { model, onEnd }: { model: MockLanguageModelV4; onEnd?: (message: UIMessage) => void },
) {
  const chats = createChatStreams(hub)
  return async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url)
    if (request.method === 'POST') {
      const { id, messages } = (await request.json()) as { id: string; messages: UIMessage[] }
      const stream = await chats.begin(id)
      const result = streamText({
        model,
        messages: await convertToModelMessages(messages),
        abortSignal: stream.signal,
        onError: () => {},
      })
      const chunks = toUIMessageStream({
        stream: result.stream,
        originalMessages: messages,
        generateMessageId: generateId,
        onEnd: ({ responseMessage }) => onEnd?.(responseMessage),
      })
      return await sendUIMessageStream(request, stream, chunks, { heartbeatMs: 200, onError: () => {} })
    }
    const chatId = decodeURIComponent(/^\/api\/chat\/([^/]+)\/stream$/.exec(pathname)?.[1] ?? '')
    if (chatId === '') return new Response('No such page.', { status: 404 })
    if (request.method === 'DELETE') {
      return new Response(null, { status: (await chats.stop(chatId, 'by the user')) ? 200 : 204 })
    }
    return await chats.resume(request, chatId, { heartbeatMs: 200, onError: () => {} })
  }
}
