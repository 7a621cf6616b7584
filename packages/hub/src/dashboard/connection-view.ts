import type { ConnectionErrorEvent, EventSource } from '@headwater/sse/client'
import type { EventList } from './event-list.ts'

/**
 * Shows the real state of the connection: `readyState`, why the stream was lost, the time until the
 * next attempt. Losing and restoring it also leaves a note between the events, where a reader looks
 * for missing ones.
 */
export class ConnectionView {
  readonly #list: EventList
  #lostAt: number | undefined
  #countdown: ReturnType<typeof setInterval> | undefined

  constructor(list: EventList) {
    this.#list = list
  }

  /** Shows this connection from now on. */
  follow(source: EventSource, lastEventId: () => string): void {
    let resumesAfter = lastEventId()
    this.#show(source, 'connecting', resumesAfter ? `connecting, to resume after ${resumesAfter}` : 'connecting…')
    source.addEventListener('open', () => {
      if (resumesAfter && this.#lostAt === undefined) {
        this.#list.note('back', `Connected, resuming after ${resumesAfter}`)
      }
      resumesAfter = ''
      if (this.#lostAt !== undefined) {
        const seconds = ((Date.now() - this.#lostAt) / 1000).toFixed(1)
        this.#list.note(
          'back',
          `Connected again after ${seconds} s, resuming after ${lastEventId() || 'the beginning'}`,
        )
        this.#lostAt = undefined
      }
      this.#show(source, 'open', 'live')
    })
    source.addEventListener('error', (event) => {
      // A server may also send an event of type "error", which says nothing about the connection.
      if (event instanceof MessageEvent) return
      this.#failed(source, event as ConnectionErrorEvent)
    })
  }

  /** Shows that the user closed the connection. */
  closed(source: EventSource): void {
    this.#lostAt = undefined
    this.#list.note('lost', 'Closed from this side; what is published meanwhile is kept by the hub')
    this.#show(source, 'closed', 'closed by you')
  }

  #failed(source: EventSource, { message, status, willRetry, retryDelayMs }: ConnectionErrorEvent): void {
    if (!willRetry) {
      this.#list.note('failed', message)
      this.#show(source, 'closed', status ? `refused with status ${status}` : 'closed by the hub')
      return
    }
    // Failed attempts follow one another while the hub is away: one note is enough.
    if (this.#lostAt === undefined) {
      this.#lostAt = Date.now()
      this.#list.note('lost', `Connection lost: ${message.trim()}`)
    }
    const until = Date.now() + retryDelayMs
    const tick = () => {
      const seconds = Math.ceil((until - Date.now()) / 1000)
      if (seconds > 0) this.#show(source, 'connecting', `lost; next attempt in ${seconds} s`, true)
      else this.#show(source, 'connecting', 'connecting again…')
    }
    clearInterval(this.#countdown)
    tick()
    this.#countdown = setInterval(tick, 250)
  }

  #show(source: EventSource, state: 'connecting' | 'open' | 'closed', text: string, keepsCounting = false): void {
    if (!keepsCounting) clearInterval(this.#countdown)
    const pill = document.getElementById('connection')
    const shown = document.getElementById('connection-text')
    const button = document.getElementById('connection-toggle')
    const readyState = document.getElementById('ready-state')
    if (!pill || !shown || !button || !readyState) return
    pill.dataset.state = state
    if (shown.textContent !== text) shown.textContent = text
    button.textContent = state === 'closed' ? 'Connect' : 'Close'
    readyState.textContent = `${source.readyState} ${['CONNECTING', 'OPEN', 'CLOSED'][source.readyState]}`
  }
}
