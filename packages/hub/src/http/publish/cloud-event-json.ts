import { HubError } from '../../base/errors.ts'
import { type CloudEventAddress, CloudEventBody } from './cloud-event.ts'
import { assertShallow, decodeJson, parseExactly, parseJson } from './exact-json.ts'
import type { RawEvent, RawEvents } from './raw-event.ts'

/** [CloudEvents HTTP, 3.2] Structured mode: the body is one event in the JSON format. */
export function parseCloudEvent(body: Buffer, address: CloudEventAddress): RawEvent {
  const { value, again } = parse(body)
  return new CloudEventBody(value, again, address)
}

/** [CloudEvents HTTP, 3.3] Batched mode: the body is an array of events in the JSON format, or an empty one. */
export function parseCloudEvents(body: Buffer, address: CloudEventAddress): RawEvents {
  const { value, again } = parse(body)
  if (!Array.isArray(value)) {
    throw new HubError(
      'INVALID_REQUEST',
      'A batch of CloudEvents is a JSON array. Send one event as application/cloudevents+json.',
    )
  }
  const at = (index: number) => new CloudEventBody(value[index], () => (again() as unknown[])[index], address)
  return { count: value.length, at }
}

function parse(body: Buffer): { readonly value: unknown; readonly again: () => unknown } {
  const text = decodeJson(body)
  const value = parseJson(text)
  assertShallow(value)
  // Done once for all events of a batch.
  let exact: unknown
  const again = () => {
    exact ??= parseExactly(text)
    return exact
  }
  return { value, again }
}
