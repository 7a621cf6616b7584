import type { Ledger, PublishedEvent } from './checker.ts'
import type { Exchange, Network, Server } from './network.ts'
import { Process, type Scheduler } from './scheduler.ts'
import { someTopics, topics } from './topics.ts'
import type { TrueHistory } from './true-history.ts'

type Form = 'form' | 'json' | 'array' | 'lines'

export interface PublisherManners {
  readonly forms: readonly Form[]
  /** How many bytes an event has besides its number, at the most. */
  readonly padding: number
  readonly privates: number
  readonly ownIds: number
  readonly faulty: number
  /** How likely a request has no Idempotency-Key, and so is sent only once. */
  readonly keyless: number
}

/** What publishers have to know of the servers. */
interface Servers {
  readonly url: string
  historyOf(exchange: Exchange): TrueHistory
  /** Whether any hub still has it, or will. */
  isCurrent(history: TrueHistory): boolean
}

/**
 * Publishes by HTTP as a careful program does: with a key, again and again until it has an answer. What it gives up, because nothing
 * may be sent twice without a key, may be stored or not.
 */
export class Publishers {
  /** Requests without their last answer. */
  busyCount = 0
  readonly #scheduler: Scheduler
  readonly #ledger: Ledger
  readonly #network: Network
  readonly #servers: Servers
  readonly #manners: PublisherManners
  readonly process = new Process('publish')

  constructor(scheduler: Scheduler, ledger: Ledger, network: Network, servers: Servers, manners: PublisherManners) {
    this.#scheduler = scheduler
    this.#ledger = ledger
    this.#network = network
    this.#servers = servers
    this.#manners = manners
  }

  /** Sends a request with one or several events. */
  publish(): void {
    const { forms, faulty, keyless } = this.#manners
    const form = this.#scheduler.pick(forms)
    const count = form === 'array' || form === 'lines' ? this.#scheduler.between(1, 4) : 1
    const isFaulty = this.#scheduler.chance(faulty)
    const events = Array.from({ length: count }, () => this.#make(isFaulty))
    this.#send(form, events, isFaulty ? someFault(this.#scheduler) : {}, !this.#scheduler.chance(keyless))
  }

  /** Sends an event that everybody is to get. */
  publishLast(): void {
    this.#send('form', [this.#make(false, { topics, isPrivate: false, id: undefined })], {}, true)
  }

  #make(isFaulty: boolean, like: Partial<PublishedEvent> = {}): PublishedEvent {
    const { padding, privates, ownIds } = this.#manners
    const scheduler = this.#scheduler
    const number = this.#ledger.eventCount + 1
    const event = {
      number,
      topics: someTopics(scheduler),
      data: `${number} ${scheduler.chance(0.1) ? 'zwei\nZeilen ü' : ''}${'x'.repeat(scheduler.random() * padding)}`,
      isPrivate: scheduler.chance(privates),
      id: scheduler.chance(ownIds) ? `own-${number}${scheduler.chance(0.3) ? '-ü' : ''}` : undefined,
      type: scheduler.chance(0.15) ? 'tick' : undefined,
      sentAt: scheduler.now,
      isFaulty,
      ...like,
    }
    this.#ledger.publish(event)
    return event
  }

  #send(form: Form, events: readonly PublishedEvent[], fault: Record<string, string>, hasKey: boolean): void {
    const key = hasKey ? `key ${events[0]!.number}` : undefined
    const { contentType, body } = encode(form, events, fault)
    this.busyCount++
    this.#scheduler.after(0, this.process, async () => {
      await this.#sendUntilAnswered(form, events, { contentType, body, key })
      this.busyCount--
    })
  }

  async #sendUntilAnswered(
    form: Form,
    events: readonly PublishedEvent[],
    { contentType, body, key }: { contentType: string; body: string; key: string | undefined },
  ): Promise<void> {
    const numbers = events.map(({ number }) => number)
    // In another history, an event under an ID of its own would be taken for the one that subscribers had before.
    const staysInOne = events.some(({ id }) => id !== undefined)
    let home: TrueHistory | undefined
    const onRoute = (server: Server) => {
      const history = this.#servers.historyOf({ server })
      if (staysInOne) home ??= history
      return home === undefined || home === history
    }
    for (let attempt = 1; ; attempt++) {
      this.#scheduler.note(`sends ${numbers.join(' ')}${attempt > 1 ? ' again' : ''}`)
      const exchange: Exchange = { server: undefined, onRoute }
      const answer = await this.#ask(exchange, contentType, body, key)
      this.#scheduler.note(`${numbers.join(' ')}: ${answer.status} ${answer.text.slice(0, 100).trim()}`)
      if (answer.status === 200) {
        const history = this.#servers.historyOf(exchange)
        const ids = readIds(form, answer.text)
        for (const [index, id] of ids.entries())
          if (id !== undefined) this.#ledger.acknowledge(numbers[index]!, id, history)
        if (ids.length === numbers.length && ids.every((id) => id !== undefined)) return
        if (events.some(({ isFaulty }) => isFaulty)) return
      } else if (answer.status >= 400 && answer.status < 500) {
        for (const number of numbers) this.#ledger.refuse(number, answer.text)
        return
      }
      if (key === undefined) return
      if (home && !this.#servers.isCurrent(home)) return
      await this.#scheduler.wait(this.#scheduler.random() * 500 * Math.min(attempt, 10), this.process)
    }
  }

  /** Status 0: there was no answer, or not all of it. */
  async #ask(
    exchange: Exchange,
    contentType: string,
    body: string,
    key: string | undefined,
  ): Promise<{ status: number; text: string }> {
    const headers = { 'content-type': contentType, ...(key !== undefined && { 'idempotency-key': key }) }
    let status = 0
    let text = ''
    try {
      const response = await this.#network.fetch(
        this.process,
        this.#servers.url,
        { method: 'POST', headers, body },
        exchange,
      )
      status = response.status
      const decoder = new TextDecoder()
      const reader = response.body?.getReader()
      for (;;) {
        const { value } = (await reader?.read()) ?? {}
        if (!value) return { status, text }
        text += decoder.decode(value, { stream: true })
      }
    } catch (error) {
      // What came before the end counts where each line is an answer.
      return contentType.endsWith('ndjson') && status === 200 ? { status, text } : { status: 0, text: String(error) }
    }
  }
}

function encode(
  form: Form,
  events: readonly PublishedEvent[],
  fault: Record<string, string>,
): { contentType: string; body: string } {
  if (form === 'form') {
    const { topics: its, data, isPrivate, id, type } = events[0]!
    const pairs = new URLSearchParams(its.map((topic) => ['topic', topic]))
    pairs.set('data', data)
    if (isPrivate) pairs.set('private', 'on')
    if (id !== undefined) pairs.set('id', id)
    if (type !== undefined) pairs.set('type', type)
    for (const [name, value] of Object.entries(fault)) pairs.set(name, value)
    return { contentType: 'application/x-www-form-urlencoded', body: pairs.toString() }
  }
  const objects = events.map(({ topics: its, data, isPrivate, id, type }) => ({
    topic: its,
    data,
    private: isPrivate,
    id,
    type,
    ...fault,
  }))
  if (form === 'lines') {
    return { contentType: 'application/x-ndjson', body: objects.map((each) => `${JSON.stringify(each)}\n`).join('') }
  }
  return { contentType: 'application/json', body: JSON.stringify(form === 'array' ? objects : objects[0]) }
}

/** The IDs in an answer, in the order of the events; `undefined` for those without. */
function readIds(form: Form, text: string): (string | undefined)[] {
  if (form === 'form') return [text]
  if (form === 'json') return [JSON.parse(text).id]
  if (form === 'array') return JSON.parse(text).map(({ id }: { id: string }) => id)
  const lines = text.split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line).id)
}

/** What no hub takes. */
function someFault(scheduler: Scheduler): Record<string, string> {
  return scheduler.pick([
    { topic: '/.well-known/mercure/subscriptions' },
    { topic: '*' },
    { type: 'headwater-gap' },
    { type: 'mercure' },
    { id: '#1' },
    { id: 'earliest' },
    { id: '-3' },
    { type: 'a\nid: forged' },
  ])
}
