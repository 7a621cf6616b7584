import type { ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'

/** The parts of a Node response by which it is broken off. */
export interface BreakableResponse {
  /** HTTP/1: none while the response waits for its turn on the connection. */
  readonly socket?: Socket | null
  /** HTTP/2. */
  readonly stream?: ServerHttp2Stream
  destroy(): unknown
}

/** Ends a response after the bytes it was given, so that no client can take it for complete. */
export function breakOff(response: BreakableResponse, isHttp2: boolean): void {
  if (isHttp2) breakStreamOff(response.stream as ServerHttp2Stream)
  // [RFC 9112, section 8] Without its last chunk the response is incomplete.
  else if (response.socket) response.socket.destroySoon()
  else response.destroy()
}

/**
 * Resets an HTTP/2 stream after the bytes it was given. Node resets a stream at once, whatever waits
 * in it, and some clients drop what they have not read when the reset comes. So the reset follows
 * the client's answer to a ping that was sent behind the last bytes.
 */
function breakStreamOff(stream: ServerHttp2Stream): void {
  const reset = () => stream.close(internalError)
  stream.write('', () => {
    const { session } = stream
    if (!session || session.destroyed || !session.ping(reset)) reset()
  })
}

/** [RFC 9113, section 7] INTERNAL_ERROR. Several clients take CANCEL for an end. */
const internalError = 2
