// Its API over ours: `event` is `type`, `maxBufferSize` is `maxEventBytes`, and errors have a `type` instead of a code.
import { createParser as createOurs } from '../../../packages/sse/dist/protocol/index.js'

export class ParseError extends Error {
  constructor(message, { type, field, value, line }) {
    super(message)
    this.name = 'ParseError'
    Object.assign(this, { type, field, value, line })
  }
}

const types = {
  UNKNOWN_FIELD: 'unknown-field',
  INVALID_RETRY: 'invalid-retry',
  EVENT_TOO_LARGE: 'max-buffer-size-exceeded',
}

export function createParser(options) {
  if (typeof options === 'function') return createOurs(options)
  const { onEvent, onError, onRetry, onComment, onId, maxBufferSize, ...rest } = options
  return createOurs({
    ...rest,
    ...(onEvent && { onEvent: ({ type, data, id }) => onEvent({ event: type, data, id }) }),
    ...(onError && { onError: (error) => onError(translate(error)) }),
    ...(onRetry && { onRetry }),
    ...(onComment && { onComment }),
    ...(onId && { onId }),
    ...(maxBufferSize !== undefined && { maxEventBytes: maxBufferSize }),
  })
}

function translate(error) {
  return new ParseError(error.message, { ...error, type: types[error.code] ?? error.code })
}

export class EventSourceParserStream extends TransformStream {
  constructor({ onError, ...callbacks } = {}) {
    let parser
    super({
      start(controller) {
        parser = createParser({
          ...callbacks,
          onEvent: (event) => controller.enqueue(event),
          onError: (error) => {
            if (typeof onError === 'function') onError(error)
            if (onError === 'terminate' || error.type === 'max-buffer-size-exceeded') controller.error(error)
          },
        })
      },
      transform: (chunk) => parser.feed(chunk),
    })
  }
}
