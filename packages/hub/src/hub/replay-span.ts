import type { HubSpan, Telemetry } from './telemetry.ts'

/** The span of a subscriber that is sent what it missed, until it has caught up. */
export class ReplaySpan {
  readonly #span: HubSpan
  #events = 0
  #bytes = 0

  /** `from` is how the starting point was found, `traceContext` that of the subscriber's request. */
  constructor(telemetry: Telemetry, from: string, traceContext: string | undefined) {
    this.#span = telemetry.start('headwater replay', {
      parent: traceContext,
      attributes: { 'messaging.system': 'headwater', 'headwater.replay.from': from },
    })
  }

  add(events: number, bytes: number): void {
    this.#events += events
    this.#bytes += bytes
  }

  gap(reason: string): void {
    this.#span.set({ 'headwater.replay.gap': reason })
  }

  /** `left`: the subscriber was gone first. Idempotent, as spans are. */
  end(outcome: 'complete' | 'left'): void {
    this.#span.set({
      'headwater.replay.events': this.#events,
      'headwater.replay.bytes': this.#bytes,
      'headwater.replay.outcome': outcome,
    })
    this.#span.end()
  }
}
