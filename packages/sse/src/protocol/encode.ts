import { SseError } from './errors.ts'
import type { EventInit } from './event.ts'

declare const encoded: unique symbol

/**
 * Text already in event-stream form: whole lines, ready for the wire. Only this module makes one, so that raw text cannot
 * reach a socket by mistake.
 */
export type Frame = string & { readonly [encoded]: true }

/** Encodes one event, its blank line included. */
export function encodeEvent(init: EventInit): Frame {
  const { data, event, id, retry, comment } = init
  let frame = ''
  if (comment !== undefined) frame += lines('', comment, 'comment')
  if (event !== undefined && event !== '') frame += `event: ${singleLine(event, 'INVALID_EVENT_TYPE', 'Event type')}\n`
  if (retry !== undefined) frame += retryLine(retry)
  frame += lines('data', data, 'data')
  if (id !== undefined) frame += id === '' ? 'id:\n' : `id: ${singleLine(id, 'INVALID_EVENT_ID', 'Event id')}\n`
  return `${frame}\n` as Frame
}

/** Encodes a comment: one line, or one for each line of the text. */
export function encodeComment(text = ''): Frame {
  return `${lines('', text, 'comment')}\n` as Frame
}

/** Encodes a new reconnection time in milliseconds. */
export function encodeRetry(milliseconds: number): Frame {
  return `${retryLine(milliseconds)}\n` as Frame
}

function singleLine(value: unknown, code: 'INVALID_EVENT_TYPE' | 'INVALID_EVENT_ID', what: string): string {
  if (typeof value !== 'string' || /[\r\n\0]/.test(value)) {
    throw new SseError(code, `${what} ${JSON.stringify(value)} must be a string on one line, without NUL.`)
  }
  return value
}

function retryLine(milliseconds: unknown): string {
  if (!Number.isSafeInteger(milliseconds) || (milliseconds as number) < 0) {
    throw new SseError('INVALID_RETRY', `retry ${String(milliseconds)} is no whole number of milliseconds from 0 up.`)
  }
  return `retry: ${milliseconds}\n`
}

function lines(field: string, text: unknown, what: string): string {
  if (typeof text !== 'string') {
    throw new SseError('INVALID_DATA', `${what} is ${String(text)} (${typeof text}), not a string.`)
  }
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => (line === '' ? `${field}:\n` : `${field}: ${line}\n`))
    .join('')
}
