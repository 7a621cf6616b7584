/**
 * How the bytes of one response are coded on their way, such as compressed. Whoever gives a session one has found out that its client
 * takes it; the session sets `Content-Encoding`.
 */
export interface ContentCoding {
  /** What `Content-Encoding` is to say. */
  readonly name: string
  /** Begins the response. */
  head(): Uint8Array
  /** Codes bytes so that the client can decode all of them as soon as it has them. What is returned may be shared with others. */
  encode(bytes: Uint8Array): Uint8Array
  /** Ends the response, if all that was encoded was sent; otherwise it is cut off. */
  tail(): Uint8Array
}
