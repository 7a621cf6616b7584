export { ResumableChatTransport, type ResumableChatTransportOptions } from './resumable-chat-transport.ts'
