// undici's EventSource is the native object; its options are those of its dispatchers. Its EventSourceStream is the parser.
import { Transform } from 'node:stream'
import { EventSource } from '../../../packages/sse/dist/client/index.js'
import { createParser } from '../../../packages/sse/dist/protocol/index.js'

export { Agent, Client, Pool } from 'undici'
export { EventSource }
export const defaultReconnectionTime = 3000

export class EventSourceStream extends Transform {
  constructor(options = {}) {
    super({ ...options, readableObjectMode: true })
    let retry
    this.parser = createParser({
      onRetry: (milliseconds) => {
        retry = String(milliseconds)
      },
      onEvent: ({ type, data, id }) => {
        this.processEvent({ event: type, data, id, retry })
        retry = undefined
      },
    })
  }

  _transform(chunk, _encoding, callback) {
    this.parser.feed(chunk)
    callback()
  }

  processEvent(event) {
    this.push(event)
  }
}
