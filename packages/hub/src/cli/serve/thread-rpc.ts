import type { MessagePort, Worker } from 'node:worker_threads'
import { HubError, type HubErrorCode } from '../../base/errors.ts'

/** The requests between two threads, by name: the types of the parameter and of the answer. */
export type Questions = Readonly<Record<string, { readonly ask: unknown; readonly answer: unknown }>>

/** The functions that answer the requests. */
export type Answering<Q extends Questions> = {
  readonly [Name in keyof Q]: (ask: Q[Name]['ask']) => Q[Name]['answer'] | Promise<Q[Name]['answer']>
}

type Message =
  | { readonly name: 'question'; readonly number: number; readonly about: string; readonly ask: unknown }
  | { readonly name: 'answer'; readonly number: number; readonly answer: unknown }
  | { readonly name: 'no answer'; readonly number: number; readonly code: HubErrorCode; readonly message: string }

/** One end of a connection between two threads. Both ends can send requests. */
export class ThreadRpc<Asked extends Questions, Answered extends Questions> {
  readonly #port: MessagePort | Worker
  readonly #pending = new Map<number, { resolve: (answer: unknown) => void; reject: (error: HubError) => void }>()
  #lastNumber = 0
  #end: HubError | undefined

  constructor(port: MessagePort | Worker, answering: Answering<Answered>) {
    this.#port = port
    port.on('message', (message: Message) => {
      if (message.name === 'question') this.#answer(message, answering)
      else if (message.name === 'answer') this.#take(message.number)?.resolve(message.answer)
      else this.#take(message.number)?.reject(new HubError(message.code, message.message))
    })
  }

  /** Sends a request. Rejects as the other thread does, or when it ends. */
  ask<Name extends keyof Asked & string>(about: Name, ask: Asked[Name]['ask']): Promise<Asked[Name]['answer']> {
    return new Promise((resolve, reject) => {
      if (this.#end) return reject(this.#end)
      this.#lastNumber++
      this.#pending.set(this.#lastNumber, { resolve, reject })
      this.#port.postMessage({ name: 'question', number: this.#lastNumber, about, ask } satisfies Message)
    })
  }

  /** Rejects all pending requests, because the other thread is gone. */
  end(why: string): void {
    this.#end = new HubError('HUB_CLOSED', why)
    for (const { reject } of this.#pending.values()) reject(this.#end)
    this.#pending.clear()
  }

  async #answer({ number, about, ask }: Extract<Message, { name: 'question' }>, answering: Answering<Answered>) {
    let reply: Message
    try {
      reply = { name: 'answer', number, answer: await answering[about]!(ask) }
    } catch (error) {
      const { code, message } =
        error instanceof HubError ? error : { code: 'HUB_CLOSED' as const, message: String(error) }
      reply = { name: 'no answer', number, code, message }
    }
    this.#port.postMessage(reply)
  }

  #take(number: number) {
    const pending = this.#pending.get(number)
    this.#pending.delete(number)
    return pending
  }
}
