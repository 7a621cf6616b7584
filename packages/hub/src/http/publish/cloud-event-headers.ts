import { HubError } from '../../base/errors.ts'
import type { HubRequest } from '../message/http-message.ts'
import { type CloudEventAddress, CloudEventBody } from './cloud-event.ts'
import { assertShallow, decodeJson, parseExactly, parseJson } from './exact-json.ts'
import type { RawEvent } from './raw-event.ts'

/** Whether a request is a CloudEvent in binary mode: its attributes are headers, its data is the body. */
export function hasCloudEventHeaders(request: HubRequest): boolean {
  return request.header('ce-specversion') !== undefined
}

/**
 * [CloudEvents HTTP, 3.1] Binary mode. The event is put into the JSON format: data of a JSON type as
 * its value, other text as text, and other bytes in Base64.
 */
export function parseBinaryCloudEvent(request: HubRequest, body: Buffer, address: CloudEventAddress): RawEvent {
  const contentType = request.header('content-type')
  const attributes = attributesOf(request.rawHeaders)
  if (attributes.datacontenttype !== undefined) {
    throw new HubError(
      'INVALID_REQUEST',
      'In binary mode, Content-Type is the datacontenttype. Omit ce-datacontenttype.',
    )
  }
  if (contentType !== undefined) attributes.datacontenttype = contentType
  if (body.length === 0) return new CloudEventBody(attributes, () => attributes, address)
  if (!isJson(contentType)) {
    const members = { ...attributes, ...dataOf(body, contentType!) }
    return new CloudEventBody(members, () => members, address)
  }
  const text = decodeJson(body)
  const data = parseJson(text)
  assertShallow(data)
  // `data` that is null would mean none.
  return new CloudEventBody({ ...attributes, data }, () => ({ ...attributes, data: parseExactly(text) }), address)
}

/** [CloudEvents HTTP, 3.1.3] The attributes among the headers, by their names without `ce-`. */
function attributesOf(rawHeaders: readonly string[]): Record<string, string> {
  const attributes: Record<string, string> = {}
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const header = rawHeaders[index]!.toLowerCase()
    if (!header.startsWith('ce-')) continue
    const name = header.slice(3)
    if (Object.hasOwn(attributes, name)) throw new HubError('INVALID_REQUEST', `The header ${header} is sent twice.`)
    attributes[name] = decodeValue(header, rawHeaders[index + 1]!)
  }
  return attributes
}

/** [CloudEvents HTTP, 3.1.3.2] Removes quotes, then decodes percent-encoded UTF-8. */
function decodeValue(header: string, sent: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(sent.trim())
  const value = quoted ? quoted[1]!.replaceAll(/\\(.)/g, '$1') : sent
  if (/[^\x20-\x7e]/.test(value)) {
    throw new HubError('INVALID_REQUEST', `${header} has a character that must be percent-encoded as UTF-8.`)
  }
  try {
    // A percent sign that encodes nothing stands for itself: not every library encodes it.
    return value.replaceAll(/(?:%[0-9a-f]{2})+/gi, decodeURIComponent)
  } catch (error) {
    if (!(error instanceof URIError)) throw error
    throw new HubError('INVALID_REQUEST', `${header} has percent-encoded bytes that are not UTF-8.`)
  }
}

/** [CloudEvents JSON, 3.1.1] Without a content type, data is JSON. */
function isJson(contentType: string | undefined): boolean {
  return contentType === undefined || /^[^;]*[/+]json\s*(;|$)/i.test(contentType)
}

function dataOf(body: Buffer, contentType: string): { readonly data: string } | { readonly data_base64: string } {
  const isText = /^(text\/|[^;]*[/+]xml\s*(;|$))/i.test(contentType)
  const charset = /;\s*charset="?([^";\s]+)/i.exec(contentType)?.[1] ?? 'utf-8'
  if (!isText || !/^(utf-?8|us-ascii)$/i.test(charset)) return { data_base64: body.toString('base64') }
  try {
    return { data: strictUtf8.decode(body) }
  } catch (error) {
    if (error instanceof TypeError) return { data_base64: body.toString('base64') }
    throw error
  }
}

/** A byte order mark is part of the data. */
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
