import { HubError } from '../base/errors.ts'

/**
 * The refusal of an event whose ID another event has. If it had been stored, a subscriber that
 * resumes from that ID would be sent everything after the first of them again.
 */
export function idTaken(id: string): HubError {
  return new HubError(
    'EVENT_ID_TAKEN',
    `The event was not stored: the ID ${JSON.stringify(id)} is taken, by an event that is kept or was to be stored together with it. ` +
      'Choose another, such as a random UUID, or leave it to the hub. To send the same event again safely, set an idempotency key.',
  )
}

/** Whether that is why an event was not stored. */
export function isIdTaken(error: unknown): error is HubError {
  return error instanceof HubError && error.code === 'EVENT_ID_TAKEN'
}
