/**
 * A content coding of one response, such as compression. The caller that passes one to a session
 * has checked that the client accepts it. The session sets `Content-Encoding`.
 */
export interface ContentCoding {
  /** The value of `Content-Encoding`. */
  readonly name: string
  /** Returns the first bytes of the response. */
  head(): Uint8Array
  /**
   * Encodes bytes so that the client can decode all of them as soon as they arrive. The result may
   * be shared with others.
   */
  encode(bytes: Uint8Array): Uint8Array
  /**
   * Returns the last bytes of the response. Used only if everything encoded was sent; otherwise the
   * response is cut off.
   */
  tail(): Uint8Array
}
