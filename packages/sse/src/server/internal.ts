/**
 * `@headwater/sse/internal`: what the hub needs of this package beside the public API. It comes
 * without promises: it may change in any version, so that the hub depends on exactly its own.
 */

export { POSITION_EVENT_TYPE } from '../protocol/signals.ts'
export { assertUnclaimed, claimSession } from './claim-session.ts'
export { createEpoch, type EventId, formatEventId, parseEventId } from './event-id.ts'
export type { FedSession } from './fed-session.ts'
export { frameBytes } from './frame-bytes.ts'
export { encodeGap } from './gap.ts'
export { namesOf, suggestName, unknownName } from './names.ts'
export { encodePosition, isReservedEventId, isReservedEventType } from './reserved.ts'
export { dataEncoder } from './session-event.ts'
export { checkSessionOptions } from './session-options.ts'
export { createSocketSession, type SocketRequest } from './socket.ts'
export { isEventSourceRequest } from './stream-request.ts'
