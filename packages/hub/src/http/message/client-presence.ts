import { HubError } from '../../base/errors.ts'

/** Tells the work for a request when its client leaves; see `HubRequest.clientSignal`. */
export class ClientPresence {
  readonly #controller = new AbortController()

  /** Aborts when the client leaves. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** Called when the client leaves. */
  leave(): void {
    this.#controller.abort(new HubError('INVALID_REQUEST', 'The client left before its request was answered.'))
  }
}
