import { STATUS_CODES, validateHeaderName, validateHeaderValue } from 'node:http'
import type { HubResponseHeaders, TextResponse } from './http-message.ts'

/**
 * Formats a whole response as HTTP/1.1, for connections that Node's server does not write to. One
 * character per byte: write it as `latin1`. Throws what Node throws for a header that cannot be
 * sent.
 */
export function responseText({ status, headers, body }: TextResponse, connection: 'keep-alive' | 'close'): string {
  const length = Buffer.byteLength(body)
  const bytes = length === body.length ? body : Buffer.from(body).toString('latin1')
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${headerLines(headers)}${dateLine()}content-length: ${length}\r\nConnection: ${connection}\r\n\r\n${bytes}`
}

function headerLines(headers: HubResponseHeaders): string {
  const known = linesOf.get(headers)
  if (known !== undefined) return known
  let lines = ''
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined) lines += headerLine(name, value)
  }
  // Frozen headers are constants of the hub, shared by many responses.
  if (Object.isFrozen(headers)) linesOf.set(headers, lines)
  return lines
}

const linesOf = new WeakMap<HubResponseHeaders, string>()

/**
 * Most headers are the same in every response, so a value that is known to be valid is not
 * validated again.
 */
function headerLine(name: string, value: string): string {
  const last = lastLines.get(name)
  if (last?.value === value) return last.line
  validateHeaderName(name)
  validateHeaderValue(name, value)
  const line = `${name}: ${value}\r\n`
  lastLines.set(name, { value, line })
  return line
}

/** By name. There are few names: no client chooses one. */
const lastLines = new Map<string, { readonly value: string; readonly line: string }>()

/** The `Date` header, formatted once a second. */
function dateLine(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== dateOfSecond.second)
    dateOfSecond = { second, line: `Date: ${new Date(second * 1000).toUTCString()}\r\n` }
  return dateOfSecond.line
}

let dateOfSecond = { second: -1, line: '' }
