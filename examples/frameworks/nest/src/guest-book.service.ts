import { createChannel, type Session } from '@headwater/sse/server'
import { type BeforeApplicationShutdown, Injectable } from '@nestjs/common'
import { guestBookEvents } from './events.js'

@Injectable()
export class GuestBook implements BeforeApplicationShutdown {
  readonly #channel = createChannel({
    events: guestBookEvents,
    onSubscribe: () => this.#countReaders(),
    onUnsubscribe: () => this.#countReaders(),
  })

  subscribe(session: Session): void {
    this.#channel.subscribe(session)
  }

  /** Sends a note to every open page, and returns its event ID. */
  write(text: string): string {
    return this.#channel.broadcast({ type: 'note', data: { text, at: new Date().toISOString() } })
  }

  /** Ends every stream, telling the clients to come back spread over some seconds: Nest waits for them. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.#channel.drain()
  }

  #countReaders(): void {
    this.#channel.broadcast({ type: 'readers', data: this.#channel.size })
  }
}
