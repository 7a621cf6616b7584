export { type ChatStreams, type ChatStreamsOptions, createChatStreams } from './chat-streams.ts'
export {
  createResumableStreamContext,
  type ResumableStreamContext,
  type ResumableStreamContextOptions,
} from './resumable-stream-context.ts'
export {
  type ResumeUIMessageStreamOptions,
  resumeUIMessageStream,
  type SendUIMessageStreamOptions,
  sendUIMessageStream,
  type UIMessageResponseOptions,
} from './ui-message-stream.ts'
