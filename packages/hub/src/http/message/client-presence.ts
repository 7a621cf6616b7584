import { HubError } from '../../base/errors.ts'

/** Whether the client of a request is still connected. Costs nothing until `signal` is called. */
export class ClientPresence {
  #controller: AbortController | undefined
  #hasLeft = false

  /** Aborts when the client leaves; see `HubRequest.clientSignal`. */
  readonly signal = (): AbortSignal => {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#hasLeft) this.leave()
    }
    return this.#controller.signal
  }

  /** Called when the client leaves. */
  leave(): void {
    this.#hasLeft = true
    this.#controller?.abort(new HubError('INVALID_REQUEST', 'The client left before its request was answered.'))
  }
}
