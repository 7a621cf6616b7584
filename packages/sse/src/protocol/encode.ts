import { SseError } from './errors.ts'
import type { EventInit } from './event.ts'

declare const encoded: unique symbol

/**
 * Text already in event-stream form: whole lines, ready for the wire. Only this module makes one, so that raw text cannot
 * reach a socket by mistake.
 */
export type Frame = string & { readonly [encoded]: true }

/**
 * Encodes one event, its blank line included.
 *
 * The `id` line comes after the data, so that a connection that breaks within the event cannot make even a careless client
 * remember an event it never got.
 *
 * @throws {SseError} `INVALID_DATA`, `INVALID_EVENT_TYPE`, `INVALID_EVENT_ID` or `INVALID_RETRY`.
 */
export function encodeEvent(init: EventInit): Frame {
  if (typeof init !== 'object' || init === null) {
    throw new SseError('INVALID_DATA', `${show(init)} is no event. Did you mean encodeEvent({ data: ${show(init)} })?`)
  }
  const { data, event, id, retry, comment } = init
  let frame = ''
  if (comment !== undefined) frame += commentLines(comment)
  if (event !== undefined && event !== '') frame += `event: ${singleLine(event, 'INVALID_EVENT_TYPE', 'Event type')}\n`
  if (retry !== undefined) frame += retryLine(retry)
  frame += lines('data', data, 'data', ' Pass anything else through JSON.stringify().')
  if (id !== undefined) frame += id === '' ? 'id:\n' : `id: ${singleLine(id, 'INVALID_EVENT_ID', 'Event id')}\n`
  return `${frame}\n` as Frame
}

/**
 * Encodes a comment: one line, or one for each line of the text. Clients ignore it, so it does for a heartbeat.
 *
 * @throws {SseError} `INVALID_DATA` if the text is no string.
 */
export function encodeComment(text = ''): Frame {
  return `${commentLines(text)}\n` as Frame
}

/**
 * Encodes a new reconnection time in milliseconds, without an event.
 *
 * @throws {SseError} `INVALID_RETRY` if it is no whole number from 0 up.
 */
export function encodeRetry(milliseconds: number): Frame {
  return `${retryLine(milliseconds)}\n` as Frame
}

function commentLines(text: unknown): string {
  return lines('', text, 'comment')
}

function singleLine(value: unknown, code: 'INVALID_EVENT_TYPE' | 'INVALID_EVENT_ID', what: string): string {
  if (typeof value !== 'string') throw new SseError(code, `${what} is ${show(value)}, not a string.`)
  // A NUL in an id makes clients ignore it; a type with one is no better an idea.
  if (/[\r\n\0]/.test(value)) {
    throw new SseError(code, `${what} ${show(value)} contains a line break or NUL. Only data may have several lines.`)
  }
  return value
}

function retryLine(milliseconds: unknown): string {
  if (!Number.isSafeInteger(milliseconds) || (milliseconds as number) < 0) {
    throw new SseError('INVALID_RETRY', `retry is ${show(milliseconds)}, not a whole number of milliseconds from 0 up.`)
  }
  return `retry: ${milliseconds}\n`
}

function lines(field: string, text: unknown, what: string, advice = ''): string {
  if (typeof text !== 'string') throw new SseError('INVALID_DATA', `${what} is ${show(text)}, not a string.${advice}`)
  if (!lineBreak.test(text)) return text === '' ? `${field}:\n` : `${field}: ${text}\n`
  // The space is the one that parsers strip, so that a space of the text's own survives.
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => (line === '' ? `${field}:\n` : `${field}: ${line}\n`))
    .join('')
}

const lineBreak = /[\r\n]/

/** A value as a message shows it: whatever it is, without calling code of its own, and not a megabyte of it. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
  if (typeof value === 'function') return 'a function'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
