import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { DeliveryChecker } from './delivery-checker.ts'
import { publisherHeaders, type SystemEvent, someTime } from './system-events.ts'

export interface PublisherOptions {
  readonly url: string
  readonly publisher: number
  readonly checker: DeliveryChecker
  readonly random: () => number
  /** The event of each number. */
  readonly eventOf: (number: number) => SystemEvent
  /** The longest that it waits between two events, in milliseconds. */
  readonly maxPauseMs: number
  /** Aborted when it is to come to an end. */
  readonly stopping: AbortSignal
}

/** The ways to publish. One with a key repeats what it has no answer to until it has one; one without never knows, and goes on. */
export const publisherKinds = ['form', 'form with key', 'array', 'array with key', 'lines', 'lines with keys'] as const
export type PublisherKind = (typeof publisherKinds)[number]

/** Publishes over HTTP, whatever becomes of the hub, and tells the checker of everything it tries and is answered. */
export async function publishOverHttp(kind: PublisherKind, options: PublisherOptions): Promise<void> {
  switch (kind) {
    case 'form':
    case 'form with key':
      return await publishForms(options, kind === 'form with key')
    case 'array':
    case 'array with key':
      return await publishArrays(options, kind === 'array with key')
    case 'lines':
    case 'lines with keys':
      return await publishLines(options, kind === 'lines with keys')
  }
}

/** Publishes one event, until it is acknowledged. */
export async function publishOne(url: string, checker: DeliveryChecker, event: SystemEvent): Promise<void> {
  checker.publish(event)
  const headers = { 'idempotency-key': keyOf(event), 'content-type': 'application/x-www-form-urlencoded' }
  const answer = await insist(url, checker, headers, formOf(event))
  checker.acknowledge(event, answer)
}

async function publishForms(options: PublisherOptions, hasKey: boolean): Promise<void> {
  const { url, checker, random, eventOf, maxPauseMs, stopping } = options
  for (let number = 0; !stopping.aborted; number++) {
    const event = eventOf(number)
    checker.publish(event)
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    const answer = hasKey
      ? await insist(url, checker, { ...headers, 'idempotency-key': keyOf(event) }, formOf(event))
      : await post(url, checker, headers, formOf(event))
    if (answer !== undefined) checker.acknowledge(event, answer)
    await someTime(random, maxPauseMs)
  }
}

async function publishArrays(options: PublisherOptions, hasKey: boolean): Promise<void> {
  const { url, checker, random, eventOf, maxPauseMs, stopping } = options
  for (let number = 0; !stopping.aborted; number += 3) {
    const events = [number, number + 1, number + 2].map(eventOf)
    const batch = keyOf(events[0]!)
    for (const event of events) checker.publish({ ...event, batch })
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify(events.map((event) => jsonOf(event)))
    const answer = hasKey
      ? await insist(url, checker, { ...headers, 'idempotency-key': batch }, body)
      : await post(url, checker, headers, body)
    if (answer !== undefined) {
      const ids = JSON.parse(answer) as { id: string }[]
      for (const [index, event] of events.entries()) checker.acknowledge(event, ids[index]!.id)
    }
    await someTime(random, maxPauseMs)
  }
}

/** Some lines are under way at any time. When the stream breaks, those with a key are sent again, and the others are not. */
async function publishLines(options: PublisherOptions, hasKey: boolean): Promise<void> {
  const { url, checker, random, eventOf, maxPauseMs, stopping } = options
  let number = 0
  let underWay: SystemEvent[] = []
  while (!stopping.aborted || underWay.length > 0) {
    const stream = new LineStream(url)
    const acknowledgeOne = async () => {
      const { id, ...problem } = await stream.next()
      if (id === undefined) checker.fail(`a line was refused: ${JSON.stringify(problem)}`)
      else checker.acknowledge(underWay[0]!, id)
      underWay.shift()
    }
    try {
      for (const event of underWay) stream.send(event, hasKey)
      const lineCount = 5 + random() * 60
      for (let line = 0; line < lineCount && !stopping.aborted; line++) {
        const event = eventOf(number++)
        checker.publish(event)
        underWay.push(event)
        stream.send(event, hasKey)
        while (underWay.length > 5) await acknowledgeOne()
        await someTime(random, maxPauseMs)
      }
      stream.end()
      while (underWay.length > 0) await acknowledgeOne()
    } catch (error) {
      if (!isLost(error)) throw error
      if (!hasKey && !isUnsent(error)) underWay = []
      await pause(50)
    } finally {
      stream.destroy()
    }
  }
}

/** A request whose body is a stream of lines, and whose response is one of acknowledgements. */
class LineStream {
  readonly #request: ClientRequest
  readonly #lines: AsyncGenerator<string>

  constructor(url: string) {
    this.#request = request(url, {
      method: 'POST',
      agent: false,
      headers: { ...publisherHeaders, 'content-type': 'application/x-ndjson' },
    })
    const responded = once(this.#request, 'response') as Promise<[IncomingMessage]>
    // Whoever waits for an acknowledgement hears of it.
    responded.catch(() => {})
    this.#request.on('error', () => {})
    this.#lines = readLines(responded)
  }

  send(event: SystemEvent, hasKey: boolean): void {
    this.#request.write(`${JSON.stringify({ ...jsonOf(event), ...(hasKey && { idempotency_key: keyOf(event) }) })}\n`)
  }

  async next(): Promise<{ id?: string }> {
    const { value, done } = await this.#lines.next()
    if (done) throw new LostAnswer()
    return JSON.parse(value) as { id?: string }
  }

  end(): void {
    this.#request.end()
  }

  destroy(): void {
    this.#request.destroy()
  }
}

async function* readLines(responded: Promise<[IncomingMessage]>): AsyncGenerator<string> {
  const [response] = await responded
  let rest = ''
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()!
    yield* lines
  }
}

class LostAnswer extends Error {}

/** Repeats a request until it is answered. */
async function insist(
  url: string,
  checker: DeliveryChecker,
  headers: Record<string, string>,
  body: string | URLSearchParams,
): Promise<string> {
  for (;;) {
    const answer = await post(url, checker, headers, body)
    if (answer !== undefined) return answer
  }
}

/** Gives the answer; nothing if it was lost with the hub. Waits while no hub is there: what was sent to nobody was not sent. */
async function post(
  url: string,
  checker: DeliveryChecker,
  headers: Record<string, string>,
  body: string | URLSearchParams,
): Promise<string | undefined> {
  for (;;) {
    try {
      const response = await fetch(url, { method: 'POST', headers: { ...publisherHeaders, ...headers }, body })
      const text = await response.text()
      if (response.status === 200) return text
      checker.fail(`publishing was answered ${response.status} ${text}`)
      return undefined
    } catch (error) {
      if (!isLost(error)) throw error
      if (!isUnsent(error)) return undefined
    }
    await pause(50)
  }
}

/** Whether it is what a client sees when the hub is killed, or is not there. */
function isLost(error: unknown): boolean {
  if (error instanceof LostAnswer) return true
  return isUnsent(error) || /^(ECONNRESET|EPIPE|UND_ERR_SOCKET|ERR_STREAM_\w+)$/.test(codeOf(error))
}

/** Whether there was nobody to send it to. */
function isUnsent(error: unknown): boolean {
  return /^(ECONNREFUSED|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/.test(codeOf(error))
}

/** `fetch` has the code in the cause of its error. */
function codeOf(error: unknown): string {
  const { code, cause } = error as { code?: string; cause?: { code?: string } }
  return String(code ?? cause?.code)
}

function keyOf({ publisher, number }: SystemEvent): string {
  return `key of ${publisher}:${number}`
}

function formOf({ topics, data, isPrivate, type, id, retryMs }: SystemEvent): URLSearchParams {
  const form = new URLSearchParams(topics.map((topic) => ['topic', topic]))
  form.append('data', data)
  if (isPrivate) form.append('private', 'on')
  if (type !== undefined) form.append('type', type)
  if (id !== undefined) form.append('id', id)
  if (retryMs !== undefined) form.append('retry', String(retryMs))
  return form
}

function jsonOf({ topics, data, isPrivate, type, id, retryMs }: SystemEvent): Record<string, unknown> {
  return { topic: topics, data, private: isPrivate, type, id, retry: retryMs }
}
