import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { HubError } from '../../base/errors.ts'
import { Fifo } from '../../base/fifo.ts'
import { type Failure, isPositionTaken, storeFailure } from '../history/failure.ts'
import type { PageRange } from '../history/page.ts'
import { EventLog } from './event-log.ts'
import type { Answers, AppendTuple, Batch, Question, Reply, WorkerOptions } from './messages.ts'

/**
 * About the most rows in one transaction, one for each event and each of its topics. More would
 * make the first append wait for the last.
 */
const groupRows = 2000
/** The most characters of data in one transaction, without its last event. */
const groupCharacters = 4 * 1024 ** 2
/** How long the worker may answer questions while appends wait, in milliseconds. */
const answerMs = 2
/** How long it then does something else if it only checks the index, in milliseconds. */
const restMs = 6

/**
 * The thread that owns the database. It receives requests in batches and works in rounds. In each
 * round, all appends that have arrived share one transaction and so one sync; those that arrive
 * meanwhile are left to the next round. Then it answers some questions, and trims some of what
 * retention no longer keeps. So nothing waits longer than one small piece of each.
 */
class Worker {
  readonly #options: WorkerOptions
  readonly #port: MessagePort
  readonly #log: EventLog
  readonly #appends = new Fifo<AppendTuple>()
  readonly #questions = new Fifo<Question>()
  /** The questions that are answered when everything is trimmed. */
  readonly #trims: number[] = []
  #closing: number | undefined
  #checking: NodeJS.Timeout | undefined
  #isTrimming = false
  /** Trimming has failed, and is not retried before the next tick. */
  #isTrimBlocked = false
  #at = 0

  constructor(options: WorkerOptions, port: MessagePort) {
    this.#options = options
    this.#port = port
    this.#log = new EventLog(options)
    const { history, uncleanHolder, end } = this.#log
    this.#reply({ name: 'opened', epoch: history.epoch, bounds: history.bounds(), uncleanHolder, end })
    port.on('message', (batch: Batch) => {
      this.#take(batch)
      this.#work()
    })
    this.#checkSome()
  }

  #reply(reply: Reply): void {
    this.#port.postMessage(reply)
  }

  #take({ at, appends, questions }: Batch): void {
    this.#at = at
    for (const record of appends) this.#appends.push(record)
    for (const question of questions) this.#questions.push(question)
  }

  #work(): void {
    do {
      // What has arrived while this thread was busy. Its message events would only be emitted after
      // this function has returned.
      for (let next = receiveMessageOnPort(this.#port); next; next = receiveMessageOnPort(this.#port)) {
        this.#take(next.message as Batch)
      }
      this.#appendGroup()
      this.#answerSome()
      this.#trimSome()
      this.#reportTrouble()
    } while (this.#appends.length > 0 || this.#questions.length > 0 || this.#isTrimming)
    if (this.#closing !== undefined) this.#close(this.#closing)
  }

  /** Compares the index with the events, some at a time, and leaves most of the time to requests. */
  #checkSome(): void {
    const end = performance.now() + answerMs
    let isDone = false
    try {
      while (!isDone && performance.now() < end) isDone = this.#log.history.checkStep()
    } catch (error) {
      // It goes without the index until it is started again.
      isDone = true
      const failure = storeFailure('The index of topics cannot be compared', error, this.#options.directory)
      this.#reply({ name: 'trouble', failure })
    }
    this.#reportTrouble()
    if (!isDone) this.#checking = setTimeout(() => this.#checkSome(), restMs)
  }

  #reportTrouble(): void {
    for (let failure = this.#log.nextTrouble(); failure; failure = this.#log.nextTrouble()) {
      this.#reply({ name: 'trouble', failure })
    }
  }

  #appendGroup(): void {
    const group = this.#takeGroup()
    if (group.length === 0) return
    try {
      this.#reply({ name: 'appended', ...this.#log.append(group, this.#at) })
    } catch (error) {
      if (!(error instanceof HubError)) throw error
      this.#reply({ name: 'not appended', count: group.length, failure: toFailure(error) })
    }
    this.#trimIfDue()
  }

  #trimIfDue(): void {
    if (!this.#isTrimBlocked && this.#log.isTrimDue()) this.#isTrimming = true
  }

  #takeGroup(): AppendTuple[] {
    const group: AppendTuple[] = []
    let characters = 0
    let rows = 0
    let isSplittable = true
    while (!isSplittable || (rows < groupRows && characters < groupCharacters)) {
      const record = this.#appends.shift()
      if (!record) break
      group.push(record)
      const [topics, data] = record
      rows += 1 + (typeof topics === 'string' ? 1 : topics.length)
      characters += data.length
      isSplittable = !record[8]
    }
    return group
  }

  #answerSome(): void {
    const end = performance.now() + answerMs
    do {
      const question = this.#questions.shift()
      if (!question) return
      this.#answer(question)
    } while (performance.now() < end)
  }

  #answer(question: Question): void {
    const { number } = question
    if (question.name === 'trim' || question.name === 'trim through') {
      if (question.name === 'trim through') this.#log.history.askToTrim(question.mark)
      this.#trims.push(number)
      this.#isTrimming = true
    } else if (question.name === 'tick') {
      this.#isTrimBlocked = false
      this.#log.tick(this.#at)
      if (this.#log.hasExpired(this.#at)) this.#isTrimming = true
    } else if (question.name === 'close') {
      this.#closing = number
    } else {
      try {
        this.#reply({ name: 'answer', number, answer: this.#ask(question) })
      } catch (error) {
        if (isPositionTaken(error)) throw error
        const failure = storeFailure('The history cannot be read', error, this.#options.directory)
        this.#reply({ name: 'no answer', number, failure })
      }
    }
  }

  #ask(question: Exclude<Question, { name: 'trim' | 'trim through' | 'tick' | 'close' }>): Answers[keyof Answers] {
    const { history } = this.#log
    switch (question.name) {
      case 'read':
        return this.#read(question)
      case 'readBack': {
        const { before, ...rest } = question
        const { rows, reach } = history.readBack({ ...rest, after: 0, through: before - 1 })
        return { rows, from: reach }
      }
      case 'check':
        this.#log.check(this.#at)
        return undefined
      case 'inspect':
        return history.inspect(question.position)
      case 'find':
        return history.find(question.id)
      case 'apply':
        this.#log.apply(question.events, question.previous, this.#at)
        this.#trimIfDue()
        return undefined
      case 'drop after':
        this.#log.dropAfter(question.mark, this.#at)
        return history.bounds()
    }
  }

  #read(query: PageRange): Answers['read'] {
    const { history } = this.#log
    const { rows, reach, damaged } = history.read(query)
    const lost = history.lost(query.after, query.topics)
    return { rows, through: reach, lost, damaged, bounds: history.bounds() }
  }

  #trimSome(): void {
    if (!this.#isTrimming) return
    try {
      const { hasTrimmed, isDone } = this.#log.trimStep(this.#at)
      if (hasTrimmed) this.#reply({ name: 'trimmed', bounds: this.#log.history.bounds() })
      if (!isDone) return
      for (const number of this.#trims.splice(0)) this.#reply({ name: 'answer', number, answer: undefined })
    } catch (error) {
      const failure = storeFailure('Old events cannot be trimmed', error, this.#options.directory)
      this.#isTrimBlocked = true
      if (this.#trims.length === 0) this.#reply({ name: 'trouble', failure })
      for (const number of this.#trims.splice(0)) this.#reply({ name: 'no answer', number, failure })
    }
    this.#isTrimming = false
  }

  #close(number: number): void {
    clearTimeout(this.#checking)
    this.#log.close()
    this.#reply({ name: 'answer', number, answer: undefined })
    this.#port.close()
  }
}

function toFailure({ code, message }: HubError): Failure {
  return { code, message }
}

const port = parentPort!
try {
  new Worker(workerData as WorkerOptions, port)
} catch (error) {
  if (!(error instanceof HubError)) throw error
  port.postMessage({ name: 'not opened', failure: toFailure(error) } satisfies Reply)
  port.close()
}
