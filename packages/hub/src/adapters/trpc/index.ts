export { type TrackedStreamOptions, trackedStream } from './tracked-stream.ts'
export { type TrackedTopicOptions, trackedTopic } from './tracked-topic.ts'
