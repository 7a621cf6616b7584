import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { now } from '../clock.ts'
import { type DueTimes, Reference } from './reference.ts'
import { FramingError, StreamChecker } from './stream-checker.ts'
import { Tally } from './tally.ts'

/** Subscribers that send the same request. */
export interface GroupSpec {
  /** The label under which their figures are summed. */
  readonly label: string
  /** The whole request that each of them sends. */
  readonly request: string
  /** The streams that they should receive, each from this event on. */
  readonly streams: readonly number[]
  readonly firstSeq?: number
  readonly count: number
  /**
   * How they read. Subscribers that do not read at once need not receive everything. Default
   * `at-once`.
   */
  readonly pace?: Pace
}

export type Pace = 'at-once' | 'never' | '1 KB/s'

/**
 * What the subscribers of one label have received since the last report, and every fault so far.
 */
export interface GroupReport {
  readonly label: string
  readonly subscribers: number
  readonly delivered: number
  readonly lost: number
  readonly extra: number
  readonly duplicated: number
  readonly reordered: number
  readonly corrupted: number
  readonly misdirected: number
  readonly gaps: number
  readonly interleaved: number
  readonly broken: number
  readonly closed: number
  readonly heartbeats: number
  readonly lastAt: number
  /** The counts of a `Histogram`. */
  readonly latencies: Uint32Array
  readonly lastEventId: string
}

export interface SettleOptions {
  /** The number of events of each stream. */
  readonly published: Int32Array
  /** Gives up when nothing has arrived for this long. */
  readonly quietMs: number
}

/** Many subscribers in one thread. */
export class Crowd {
  readonly #port: number
  readonly #dueTimes: DueTimes
  readonly #subscribers: Subscriber[] = []
  readonly #tallies = new Map<string, Tally>()
  /** The buffer that all sockets read into: each read is handled before the next. */
  readonly #readBuffer = Buffer.allocUnsafeSlow(256 * 1024)

  constructor(port: number, dueTimes: DueTimes) {
    this.#port = port
    this.#dueTimes = dueTimes
  }

  /**
   * Resolves when all of them have the head of their response. Rejects if one is refused, or it
   * takes more than a minute.
   */
  async open(groups: readonly GroupSpec[]): Promise<void> {
    const waiting: (() => Promise<void>)[] = []
    for (const group of groups) {
      const firstSeq = group.firstSeq ?? 0
      const reference = new Reference(new Map(group.streams.map((stream) => [stream, firstSeq])), this.#dueTimes)
      const tally = this.#tallies.get(group.label) ?? new Tally()
      this.#tallies.set(group.label, tally)
      for (let index = 0; index < group.count; index++) {
        const subscriber = new Subscriber(group, reference, tally, this.#readBuffer)
        this.#subscribers.push(subscriber)
        waiting.push(() => subscriber.open(this.#port))
      }
    }
    const signal = AbortSignal.timeout(60_000)
    const opener = async () => {
      for (let next = waiting.shift(); next && !signal.aborted; next = waiting.shift()) await next()
    }
    waiting.reverse()
    const openers = Promise.all(Array.from({ length: connectingAtOnce }, opener))
    await Promise.race([openers, wait(60_000, undefined, { ref: false }).then(() => refuseSlow(waiting.length))])
  }

  /**
   * Resolves when all subscribers have everything, or nothing arrives any more. The counts of
   * deliveries are 0 again afterwards.
   */
  async settle({ published, quietMs }: SettleOptions): Promise<GroupReport[]> {
    let delivered = 0
    // Counted in checks, not by the clock: a process that was held up has not checked.
    for (let looks = 0; looks * lookMs < quietMs; looks++) {
      const sum = [...this.#tallies.values()].reduce((total, tally) => total + tally.delivered, 0)
      // Checking every subscriber costs too much while events arrive.
      if (sum !== delivered) looks = 0
      else if (this.#subscribers.every((subscriber) => subscriber.lacks(published) <= 0 || !subscriber.isVerified))
        break
      delivered = sum
      await wait(lookMs)
    }
    return this.report(published)
  }

  /** What has arrived so far. The counts are 0 again afterwards. */
  report(published: Int32Array): GroupReport[] {
    const reports: GroupReport[] = []
    for (const [label, tally] of this.#tallies) {
      const subscribers = this.#subscribers.filter((subscriber) => subscriber.group.label === label)
      const lacking = subscribers
        .filter((subscriber) => subscriber.isVerified)
        .map((subscriber) => subscriber.lacks(published))
      const { latencies, ...counts } = tally
      reports.push({
        label,
        ...counts,
        subscribers: subscribers.length,
        lost: lacking.reduce((sum, lack) => sum + Math.max(0, lack), 0),
        extra: lacking.reduce((sum, lack) => sum + Math.max(0, -lack), 0),
        interleaved: subscribers.filter((subscriber) => subscriber.isInterleaved).length,
        latencies: latencies.counts.slice(),
        lastEventId: subscribers[0]?.lastEventId ?? '',
      })
      tally.delivered = 0
      tally.heartbeats = 0
      tally.latencies.clear()
    }
    return reports
  }

  close(): void {
    for (const subscriber of this.#subscribers) subscriber.close()
  }
}

const lookMs = 10

/**
 * Less than the backlog of servers: a connection that finds it full would be retried a second
 * later.
 */
const connectingAtOnce = 250

function refuseSlow(left: number): never {
  throw new Error(`Subscribers were not connected within a minute: ${left} had not begun.`)
}

class Subscriber {
  readonly group: GroupSpec
  readonly #reference: Reference
  readonly #tally: Tally
  readonly #buffer: Buffer
  #socket: Socket | undefined
  #head = Buffer.alloc(0)
  #checker: StreamChecker | undefined
  #isClosing = false
  #timer: NodeJS.Timeout | undefined
  #onHead: (error?: Error) => void = () => {}

  constructor(group: GroupSpec, reference: Reference, tally: Tally, buffer: Buffer) {
    this.group = group
    this.#reference = reference
    this.#tally = tally
    this.#buffer = group.pace === '1 KB/s' ? Buffer.allocUnsafeSlow(1000) : buffer
  }

  get isVerified(): boolean {
    return (this.group.pace ?? 'at-once') === 'at-once'
  }

  get isInterleaved(): boolean {
    return this.#checker?.isInterleaved ?? false
  }

  get lastEventId(): string {
    return this.#checker?.lastEventId ?? ''
  }

  /**
   * The number of expected events that are missing; negative: the number of events that nobody had
   * published.
   */
  lacks(published: Int32Array): number {
    let expected = 0
    for (const stream of this.group.streams) expected += published[stream]! - (this.group.firstSeq ?? 0)
    return expected - (this.#checker?.distinct ?? 0)
  }

  open(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onHead = (error) => (error ? reject(error) : resolve())
      const socket = connect({
        host: '127.0.0.1',
        port,
        onread: { buffer: this.#buffer, callback: (length) => this.#read(length) },
      })
      this.#socket = socket
      socket.on('connect', () => socket.write(this.group.request))
      socket.on('error', (error) => this.#onHead(error))
      socket.on('close', () => {
        this.#onHead(new Error(`The server closed a connection before it answered ${this.group.request.slice(0, 80)}`))
        if (!this.#isClosing) this.#tally.closed++
      })
    })
  }

  /** Closes at once, and so that the port can be used again. */
  close(): void {
    this.#isClosing = true
    clearTimeout(this.#timer)
    this.#socket?.resetAndDestroy()
  }

  #read(length: number): boolean {
    try {
      if (this.#checker) this.#checker.receive(this.#buffer, 0, length, now())
      else this.#readHead(Buffer.from(this.#buffer.subarray(0, length)))
    } catch (error) {
      if (!(error instanceof FramingError)) throw error
      this.#tally.broken++
      this.close()
    }
    return this.#goesOn()
  }

  #readHead(bytes: Buffer): void {
    this.#head = Buffer.concat([this.#head, bytes])
    const end = this.#head.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = this.#head.toString('latin1', 0, end)
    if (!/^HTTP\/1\.1 200 /.test(head) || !/^content-type: *text\/event-stream/im.test(head)) {
      this.#onHead(new Error(`The answer is no event stream: ${this.#head.toString('latin1').slice(0, 500)}`))
      throw new FramingError('No event stream.')
    }
    const isChunked = /^transfer-encoding: *chunked/im.test(head)
    this.#checker = new StreamChecker(this.#reference, this.#tally, isChunked)
    const body = this.#head.subarray(end + 4)
    this.#head = Buffer.alloc(0)
    this.#onHead()
    this.#checker.receive(body, 0, body.length, now())
  }

  /** Whether to continue reading. */
  #goesOn(): boolean {
    if (this.isVerified || !this.#checker) return true
    if (this.group.pace === '1 KB/s') this.#timer = setTimeout(() => this.#socket?.resume(), 1000)
    return false
  }
}
