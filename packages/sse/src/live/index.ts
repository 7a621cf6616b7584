export { type LiveEvents, liveEvents } from './live-events.ts'
export type { LiveOptions } from './options.ts'
export type { LiveSnapshot } from './snapshot.ts'
