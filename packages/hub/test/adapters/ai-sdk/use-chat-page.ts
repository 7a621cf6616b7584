import { useChat } from '@ai-sdk/react'
import { createElement } from 'react'
import { createRoot } from 'react-dom/client'
import { ResumableChatTransport } from '../../../src/adapters/ai-sdk-client/index.ts'

const transport = new ResumableChatTransport({ retryMs: 5 })

/** A chat that shows its messages as JSON, for a test to read. */
function Chat() {
  const chat = useChat({ id: 'chat', transport, resume: location.hash === '#resume' })
  Object.assign(globalThis, {
    ask: (text: string) => void chat.sendMessage({ text }),
    stop: () => transport.stopStream({ chatId: 'chat' }),
  })
  const messages = chat.messages.map(({ role, parts }) => ({
    role,
    text: parts.map((part) => (part.type === 'text' ? part.text : '')).join(''),
  }))
  return createElement('output', { 'data-status': chat.status }, JSON.stringify(messages))
}

createRoot(document.body).render(createElement(Chat))
