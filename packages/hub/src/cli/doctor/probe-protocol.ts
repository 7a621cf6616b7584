import { createHash } from 'node:crypto'

/** The query parameter that commands the probe server: an operation and its parameters, with commas. */
export const commandParameter = 'headwater-doctor'

/**
 * The request header by which the doctor asks whether it is the probe server that answers. A stream for
 * people has it as well, for where requests lose it.
 */
export const helloHeader = 'headwater-doctor'

/** What the probe server answers to that. */
export interface Hello {
  readonly headwater: 'doctor'
  readonly version: string
}

/**
 * `bare`: the response of an application that knows nothing of proxies, with the content type alone.
 * `guarded`: with the headers that are made to get a stream through them.
 */
export type ResponseKind = 'bare' | 'guarded'

export const guardedHeaders = { 'cache-control': 'no-cache, no-transform', 'x-accel-buffering': 'no' }

/** What the probe server knows of a stream and its request. */
export interface ProbeState {
  readonly method: string
  readonly httpVersion: string
  /** Of each header of the request, a fingerprint of its value. */
  readonly headers: Readonly<Record<string, string>>
  /** Fingerprint of the body, once it is there. */
  readonly body: string | undefined
  readonly isOpen: boolean
  /** All bytes that were written to its body. */
  readonly sentBytes: number
}

/** Tells whether a value arrived as it was sent, without showing it to anybody who asks the server. */
export function fingerprint(value: string): string {
  return createHash('sha256').update(value).digest('base64url').slice(0, 16)
}

/** Beyond ASCII, so that a changed character set shows. */
export const probeData = 'äöü € 😀'
