import { crossOrigin } from './responses.ts'
import type { Origins } from './script.ts'
import { Served } from './served.ts'

/**
 * A source beside those under test, of the same implementation and told `retry: 1`, that reconnects when a case asks
 * for it. What has not happened by the time it is back would have happened before.
 */
export class OtherSource {
  readonly #origins: Origins
  readonly #EventSource: typeof EventSource
  #open: Promise<{ source: EventSource; served: Served }> | undefined
  #reconnect: Promise<void> | undefined

  constructor(origins: Origins, implementation: typeof EventSource) {
    this.#origins = origins
    this.#EventSource = implementation
  }

  /** So many reconnects from beginning to end. Cases that ask at the same time share them. */
  async reconnects(times: number): Promise<void> {
    // One that is under way began before this case asked.
    await this.#reconnect
    for (let i = 0; i < times; i++) {
      this.#reconnect ??= this.#reconnectOnce().finally(() => {
        this.#reconnect = undefined
      })
      await this.#reconnect
    }
  }

  async close(): Promise<void> {
    const opened = await this.#open
    opened?.source.close()
  }

  async #reconnectOnce(): Promise<void> {
    this.#open ??= this.#connect()
    const { source, served } = await this.#open
    const reconnected = nextOpen(source)
    await served.signal('end')
    await reconnected
  }

  async #connect(): Promise<{ source: EventSource; served: Served }> {
    const response = {
      headers: crossOrigin,
      body: [{ write: 'retry: 1\n\n' }, { wait: 'end' }, { finish: 'end' as const }],
    }
    const served = await Served.script(this.#origins, { responses: [response], thenAgain: true })
    const source = new this.#EventSource(served.crossUrl)
    await nextOpen(source)
    return { source, served }
  }
}

function nextOpen(source: EventSource): Promise<void> {
  return new Promise((resolve) => source.addEventListener('open', () => resolve(), { once: true }))
}
