import { SseError } from '../protocol/errors.ts'
import { type CheckedAnswer, checkSteps } from './script.ts'
import { Control, encodeGapEvent, encodeTestEvent, type Step } from './steps.ts'
import type { TestRequest } from './test-request.ts'

/** One request and its response, which a test can continue where the script ends. */
export interface ScriptedConnection {
  readonly request: TestRequest
  /** Whether the response has neither ended nor been left by the client. */
  readonly isOpen: boolean
  /** Resolves when the response has ended, was cut, or was left by the client. */
  readonly closed: Promise<void>
  /**
   * Does more steps, after those of the script. Resolves when they are done.
   *
   * @throws {SseError} `INVALID_…` for a wrong step; `SESSION_CLOSED` if the connection is over.
   */
  send(...steps: Step[]): Promise<void>
}

/** Where the bytes of a response go. */
export interface Outlet {
  begin(status: number, headers: Readonly<Record<string, string>>): void
  /** Resolves when the bytes are on their way. */
  write(bytes: Uint8Array): Promise<void>
  /** Resolves when the client has had the time to read what was written. */
  read(): Promise<void>
  end(): void
  /** Breaks off. A client drops what it has received by then and not read. */
  cut(): void
}

/** Plays one answer, and then what the test adds. */
export class Connection implements ScriptedConnection {
  readonly request: TestRequest
  readonly closed: Promise<void>
  readonly #outlet: Outlet
  #isOpen = true
  #markClosed!: () => void
  /** The steps so far, one after another. */
  #played: Promise<void>

  constructor(request: TestRequest, answer: Promise<CheckedAnswer>, outlet: Outlet) {
    this.request = request
    this.#outlet = outlet
    this.closed = new Promise((resolve) => {
      this.#markClosed = () => {
        this.#isOpen = false
        resolve()
      }
    })
    this.#played = answer.then((checked) => this.#answer(checked))
    // Such as a header that no response can have: the client sees a lost connection, and the test
    // runner an error that nobody handles.
    this.#played.catch((error) => {
      this.#close(() => outlet.cut())
      void Promise.reject(error)
    })
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  send(...steps: Step[]): Promise<void> {
    checkSteps(steps, 'send()')
    if (!this.#isOpen) throw new SseError('SESSION_CLOSED', `The connection of request ${this.request.number} is over.`)
    this.#played = this.#played.then(() => this.#play(steps))
    return this.#played
  }

  /** The client has left. */
  leave(): void {
    this.#markClosed()
  }

  /** Ends it from the side of the server, whatever it is doing. */
  stop(): void {
    this.#close(() => this.#outlet.cut())
  }

  async #answer({ status, headers, delayMs, steps, ends, isNone }: CheckedAnswer): Promise<void> {
    if (delayMs > 0) await this.#wait(delayMs)
    if (!this.#isOpen) return
    if (isNone) return this.#close(() => this.#outlet.cut())
    this.#outlet.begin(status, headers)
    await this.#play(steps)
    if (ends) this.#close(() => this.#outlet.end())
  }

  async #play(steps: readonly Step[]): Promise<void> {
    // What is sent without a pause is one piece, so that a cut right after it loses nothing of it.
    let waiting: Uint8Array[] = []
    const flush = async () => {
      const bytes = join(waiting)
      waiting = []
      if (bytes.length > 0 && this.#isOpen) await this.#outlet.write(bytes)
    }
    for (const step of steps) {
      if (!this.#isOpen) return
      if (!(step instanceof Control)) waiting.push(bytesOf(step))
      else if (step.kind === 'gap' || step.kind === 'replay') waiting.push(encode(this.#fromHistory(step)))
      else {
        await flush()
        if (step.kind === 'wait') await this.#wait(step.milliseconds)
        else if (step.kind === 'end') this.#close(() => this.#outlet.end())
        else if (step.kind === 'cut') {
          await this.#outlet.read()
          this.#close(() => this.#outlet.cut())
        }
        // stall() was the last step: nothing to do.
      }
    }
    await flush()
  }

  /** The text of a gap or a replay, which depend on what the client has. */
  #fromHistory({ kind, gap, events }: Control): string {
    const { lastEventId } = this.request
    if (kind === 'gap') return lastEventId && encodeGapEvent(gap, lastEventId)
    const index = events.findIndex(({ id }) => id === lastEventId)
    const frames = events.slice(index + 1).map(encodeTestEvent)
    const isLost = index === -1 && lastEventId !== ''
    if (isLost) frames.unshift(encodeGapEvent({ reason: 'unknown', earliest: events[0]?.id ?? null }, lastEventId))
    return frames.join('')
  }

  /** Waits for the clock, or until the connection is over. */
  async #wait(milliseconds: number): Promise<void> {
    if (milliseconds === Infinity) return this.closed
    let timer: ReturnType<typeof setTimeout> | undefined
    const passed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds)
    })
    await Promise.race([passed, this.closed])
    clearTimeout(timer)
  }

  #close(how: () => void): void {
    if (!this.#isOpen) return
    this.#markClosed()
    how()
  }
}

function bytesOf(step: Exclude<Step, Control>): Uint8Array {
  if (step instanceof Uint8Array) return step
  return encode(typeof step === 'string' ? step : encodeTestEvent(step))
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    joined.set(piece, at)
    at += piece.length
  }
  return joined
}
