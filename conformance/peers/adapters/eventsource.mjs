// `eventsource` is a drop-in: the same class and options. It also exports the class of its error events.
export { ConnectionErrorEvent as ErrorEvent, EventSource } from '../../../packages/sse/dist/client/index.js'
