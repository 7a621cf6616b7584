import type { Gap } from '@headwater/sse'
import type { ConnectionFailure, ConnectionState } from '@headwater/sse/client'
import { detailOf } from '../hub-client.ts'
import { networkFailureOf } from '../network-failure.ts'
import { shownText, wrapColumns } from '../terminal/columns.ts'
import type { Paint } from '../terminal/paint.ts'
import { shortId } from './print-events.ts'

/** Says on standard error what becomes of the connection. */
export class ConnectionReport {
  readonly #place: string
  readonly #paint: Paint
  readonly #write: (line: string) => void
  #wasOpen = false
  #lastReason: string | undefined

  /** `place` names the stream, without anything secret. */
  constructor(place: string, paint: Paint, write: (line: string) => void) {
    this.#place = place
    this.#paint = paint
    this.#write = write
  }

  /** `lastEventId` is the one that the request had. */
  onState(state: ConnectionState, lastEventId: string): void {
    if (state.name === 'open') this.#onOpen(lastEventId)
    if (state.name === 'waiting') this.#onLost(state.failure)
    if (state.name === 'closed' && state.failure?.code === 'STREAM_COMPLETE') {
      this.#say('good', 'the server has ended the stream: nothing more will come.')
    }
  }

  onGap({ reason, requested }: Gap): void {
    const why = gapReasons[reason] ?? reason
    this.#say(
      'warning',
      `events were missed: ${why} (requested events after ${shownText(requested, { lines: false })}).`,
    )
  }

  note(text: string): void {
    this.#say('faint', text)
  }

  #onOpen(lastEventId: string): void {
    const how = this.#wasOpen ? 'connected again' : `connected to ${this.#place}`
    this.#say('good', `${how}${beginningText(lastEventId, this.#wasOpen)}.`)
    this.#wasOpen = true
    this.#lastReason = undefined
  }

  #onLost(failure: ConnectionFailure): void {
    const reason = failureText(failure)
    // Each attempt that fails for the same reason is no news.
    if (reason === this.#lastReason) return
    this.#lastReason = reason
    const what = this.#wasOpen ? 'the connection broke off' : `not connected to ${this.#place}`
    const seconds = (failure.retryDelayMs / 1000).toFixed(1)
    this.#say('warning', `${what}: ${reason}; retrying in ${seconds} s, until it answers.`)
  }

  #say(style: 'good' | 'warning' | 'faint', text: string): void {
    const columns = process.stderr.isTTY ? process.stderr.columns : Infinity
    this.#write(this.#paint(style, wrapColumns(`headwater: ${text}`, columns, 2)))
  }
}

/** Why a connection failed, in words; begins in lower case and has no full stop. */
export function failureText({
  code,
  status,
  headers,
  body,
  cause,
  message,
}: Omit<ConnectionFailure, 'willRetry' | 'retryDelayMs'>): string {
  switch (code) {
    case 'STREAM_ENDED':
    case 'STREAM_COMPLETE':
      return 'the response ended'
    case 'INCOMPLETE_EVENT':
      return 'the response ended in the middle of an event'
    case 'IDLE_TIMEOUT':
      return 'nothing was heard for a minute'
    case 'UNEXPECTED_RESPONSE': {
      const type = headers?.get('content-type')
      const detail = shownText(detailOf(body ?? '').replace(/\s+/g, ' ')).replace(/\.$/, '')
      if (status === 200) return `the server answered with ${type ?? 'no content type'}, which is not an event stream`
      return `the server answered ${status}${detail && !detail.startsWith('<') ? ` ${detail}` : ''}`
    }
    case 'EVENT_TOO_LARGE':
      return 'an event is larger than this command accepts'
    default:
      return cause === undefined ? message.replace(/\bhttps?:\/\/\S+/g, 'the URL') : networkFailureOf(cause).text
  }
}

function beginningText(lastEventId: string, isAgain: boolean): string {
  if (lastEventId === '') return ''
  if (isAgain && lastEventId !== 'earliest' && !/^-\d+$/.test(lastEventId))
    return `; resumed after ${shortId(lastEventId)}`
  if (lastEventId === 'earliest') return ', from the beginning of its history'
  if (/^-\d+$/.test(lastEventId)) return `, with the last ${-Number(lastEventId)} events first`
  return `, after ${shortId(lastEventId)}`
}

const gapReasons: Record<string, string> = {
  trimmed: 'they are no longer in the history',
  epoch: 'the hub began a new history',
  unknown: 'the hub does not know the last event ID',
  ahead: 'the last event ID is beyond the end of the history, as after restoring a backup',
  damaged: "events are damaged in the hub's files",
}
