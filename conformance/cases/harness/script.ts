/**
 * What a case asks of the test server, as plain JSON: the words shared by the cases, wherever they run, and the server
 * in Node that carries them out.
 */

/** One token's behaviour: the nth request is answered by the nth response. Past the last one, 204 ends every client. */
export interface Script {
  responses: ScriptedResponse[]
  /** Past the last response, it is given again. Default false. */
  thenAgain?: boolean
  /** How a CORS preflight is answered; preflights do not count as requests. Default `'allow'`. */
  preflight?: 'allow' | 'refuse'
}

export interface ScriptedResponse {
  /** Default 200. */
  status?: number
  /**
   * Default: `Content-Type: text/event-stream`. In values, `$same`, `$cross` and `$elsewhere` stand for this script's
   * URL on each of the origins, `$origin` for the request's Origin and `$token` for the script's token.
   */
  headers?: [name: string, value: string][]
  /** What follows the headers. Unless it ends otherwise, the response stays open until the client leaves. */
  body?: Step[]
  /** The headers too wait for this signal. */
  headersAfter?: string
  /** Drops the connection instead of answering. */
  refuse?: true
}

export type Step =
  /** The UTF-8 bytes of a text, in one write of their own. */
  | { write: string }
  /** Bytes, in one write of their own. */
  | { bytes: number[] }
  /** Goes on when the case has sent this signal (`served.signal(name)`), once for each time it sent it. */
  | { wait: string }
  /** Writes so many bytes of comments, as fast as the client takes them. */
  | { flood: number }
  /** Ends the response as HTTP has it. */
  | { finish: 'end' }
  /** Closes the connection in the middle of the body. */
  | { finish: 'break' }
  /** Resets the connection (RST). */
  | { finish: 'reset' }

export interface RecordedRequest {
  method: string
  /** After the token: `'/stream'`, `'/stream?query'`, `'/'`. */
  path: string
  /** Which origin it came to. */
  to: 'same' | 'cross' | 'elsewhere'
  /** Names in lower case, values as latin1 text: one character for each byte on the wire. */
  headers: Record<string, string>
  body: string
  /** Its place among all requests of all scripts of the run: smaller came earlier. */
  place: number
}

/** Where one run of the cases finds its servers. `same` is the page's own origin in a browser. */
export interface Origins {
  /** Same origin as the page: `http://127.0.0.1:A`. */
  same: string
  /** Another origin of the same site: `http://127.0.0.1:B`. */
  cross: string
  /** Another host and site: `http://localhost:B`. */
  elsewhere: string
  /** Takes the orders; never scripted itself, so that its connections do not count against those under test. */
  control: string
}

/** The orders: `POST {control}/{order}` with a JSON body, sent as text/plain so that no preflight is needed. */
export interface Orders {
  /** Takes a script, and closes and forgets those of the cases that have ended. */
  script: { ask: { script: Script; ended: string[] }; answer: { token: string } }
  /** Answers when so many requests have come, with all of them (preflights included, in their order). */
  requests: { ask: { token: string; atLeast: number }; answer: RecordedRequest[] }
  /** Answers when the client has closed the connection of the nth request (from 0). */
  left: { ask: { token: string; nth: number }; answer: true }
  /** Whether the flood of the nth response has all been taken. */
  flooded: { ask: { token: string; nth: number }; answer: boolean }
  /** Lets a `{ wait }` of each script pass, in one turn; answers after what followed it has been written. */
  signal: { ask: { tokens: string[]; name: string }; answer: true }
  /** Has an origin served by a process of its own from now on, on the same port; answers when it listens. */
  startProcess: { ask: { origin: 'same' | 'cross' }; answer: true }
  /** Kills that process with SIGKILL; answers when it is gone, its connections are reset and its port refuses. */
  killProcess: { ask: { origin: 'same' | 'cross' }; answer: true }
}
