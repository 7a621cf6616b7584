import { SseError } from './errors.ts'
import type { EventInit } from './event.ts'
import { unsendable } from './header-value.ts'
import { namesOf, refuseUnknownName } from './names.ts'

declare const encoded: unique symbol

/**
 * Text already in event-stream form: whole lines, ready for the wire. Only this module makes one,
 * so that raw text cannot reach a socket by mistake.
 */
export type Frame = string & { readonly [encoded]: true }

/**
 * Encodes one event, including its blank line.
 *
 * The `id` line comes after the data, so that even a careless client cannot remember an event that
 * it never received because the connection broke within it.
 *
 * @throws {SseError} `INVALID_DATA`, `INVALID_EVENT_TYPE`, `INVALID_EVENT_ID` or `INVALID_RETRY`;
 * `INVALID_OPTION` for a member that does not exist.
 */
export function encodeEvent(init: EventInit): Frame {
  if (typeof init !== 'object' || init === null) {
    throw new SseError(
      'INVALID_DATA',
      `${show(init)} is not an event. Did you mean encodeEvent({ data: ${show(init)} })?`,
    )
  }
  refuseUnknownName('an event', init, eventNames, otherWords)
  return encodeFields(init)
}

const eventNames = namesOf<EventInit>({ data: true, type: true, id: true, retry: true, comment: true })
const otherWords = {
  event: 'type',
  eventtype: 'type',
  eventname: 'type',
  name: 'type',
  lasteventid: 'id',
  eventid: 'id',
  payload: 'data',
  message: 'data',
  content: 'data',
}

/** Encodes an event that has no other members, for internal callers. */
export function encodeFields({ data, type, id, retry, comment }: EventInit): Frame {
  let frame = ''
  if (comment !== undefined) frame += commentLines(comment)
  if (type !== undefined && type !== '') frame += `event: ${singleLine(type, 'INVALID_EVENT_TYPE', 'Event type')}\n`
  if (retry !== undefined) frame += retryLine(retry)
  frame += lines('data', data, 'data', ' Pass anything else through JSON.stringify().')
  if (id !== undefined) frame += id === '' ? 'id:\n' : `id: ${singleLine(id, 'INVALID_EVENT_ID', 'Event id')}\n`
  return `${frame}\n` as Frame
}

/**
 * Encodes a comment: one line for each line of the text. Clients ignore it, so it can serve as a
 * heartbeat. No blank line follows: the comment belongs to the block of the next event, because
 * several clients take a block of its own for an event without data.
 *
 * @throws {SseError} `INVALID_DATA` if the text is not a string.
 */
export function encodeComment(text = ''): Frame {
  return commentLines(text) as Frame
}

/**
 * Encodes a new reconnection time in milliseconds, as a line in the block of the next event.
 * Browsers apply it as soon as they have read the line.
 *
 * @throws {SseError} `INVALID_RETRY` if it is not a whole number, 0 or more.
 */
export function encodeRetry(milliseconds: number): Frame {
  return retryLine(milliseconds) as Frame
}

function commentLines(text: unknown): string {
  return lines('', text, 'comment')
}

function singleLine(value: unknown, code: 'INVALID_EVENT_TYPE' | 'INVALID_EVENT_ID', what: string): string {
  if (typeof value !== 'string') throw new SseError(code, `${what} is ${show(value)}, not a string.`)
  // Clients ignore an id with a NUL. A type with one is not a good idea either.
  if (/[\r\n\0]/.test(value)) {
    throw new SseError(code, `${what} ${show(value)} contains a line break or NUL. Only data may have several lines.`)
  }
  if (code === 'INVALID_EVENT_ID' && unsendable.test(value)) {
    throw new SseError(code, `${what} ${show(value)} contains a control character, which no Last-Event-ID can carry.`)
  }
  return value
}

function retryLine(milliseconds: unknown): string {
  if (!Number.isSafeInteger(milliseconds) || (milliseconds as number) < 0) {
    throw new SseError(
      'INVALID_RETRY',
      `retry is ${show(milliseconds)}, not a whole number of milliseconds, 0 or more.`,
    )
  }
  return `retry: ${milliseconds}\n`
}

function lines(field: string, text: unknown, what: string, advice = ''): string {
  if (typeof text !== 'string') throw new SseError('INVALID_DATA', `${what} is ${show(text)}, not a string.${advice}`)
  if (!lineBreak.test(text)) return text === '' ? `${field}:\n` : `${field}: ${text}\n`
  // Not line by line: a text of a million empty lines would become a million strings.
  const broken = text.includes('\r') ? text.replace(/\r\n?/g, '\n') : text
  const rest = broken.replace(/\n(?!\n|$)/g, `\n${field}: `).replace(/\n(?=\n|$)/g, `\n${field}:`)
  // Parsers strip this one space, so that a leading space of the text survives.
  return broken.startsWith('\n') ? `${field}:${rest}\n` : `${field}: ${rest}\n`
}

const lineBreak = /[\r\n]/

/** Shows any value in a message, without calling its code, and shortened. */
function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)
  if (typeof value === 'function') return 'a function'
  return typeof value === 'object' && value !== null ? 'an object' : String(value)
}
