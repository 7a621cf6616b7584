import type { Frame } from '@headwater/sse'
import type { StoredEvent } from '../store/store.ts'
import { encodeCloudEvent } from './cloud-event-frame.ts'
import { encodeStoredEvent, encodeTracedEvent } from './event-frame.ts'

/** The form in which subscribers with the same selection get its events. */
export interface EventForm {
  /** Forms with the same key encode every event alike. `''` for the plain form. */
  readonly key: string
  encode(epoch: string, event: StoredEvent): Frame
}

/** As events were published. */
export const plainForm: EventForm = { key: '', encode: encodeStoredEvent }

/** As events were published, each with its trace context in comment lines of its block. */
export const tracedForm: EventForm = { key: 'traced', encode: encodeTracedEvent }

/**
 * Each event as a CloudEvent in JSON, from a hub at this path. `isTraced`: with its trace context as
 * attributes.
 */
export function cloudEventForm(path: string, isTraced: boolean): EventForm {
  return {
    key: `cloudevents ${isTraced} ${path}`,
    encode: (epoch, event) => encodeCloudEvent(epoch, event, path, isTraced),
  }
}
