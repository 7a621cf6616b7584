/** Something that an operator may want to know, as it happened. */
export interface Notice {
  /** Names it among all notices of the hub's threads. */
  readonly id: string
  /** When it happened last, in milliseconds since 1970. */
  readonly at: number
  readonly kind: NoticeKind
  /** A sentence for people. */
  readonly text: string
  /** How often it happened, one right after the other. */
  readonly count: number
  /** The client's address, where there is one. */
  readonly address?: string | undefined
  /** The error's code, where there is one. */
  readonly code?: string | undefined
}

export type NoticeKind =
  /** A request or a connection was refused. */
  | 'refused'
  /** The hub or its store failed. */
  | 'failed'
  /** Subscribers were told that they missed something. */
  | 'gap'
  /** A subscriber that did not read was cut off. */
  | 'slow'
  /** Something works again. */
  | 'recovered'
  /** Somebody dropped the oldest events. */
  | 'trimmed'

/** The most notices that are kept. */
const maxNotices = 200
/** The same thing again within this time is counted, not listed again. */
const sameMs = 60_000
/** Among how many of the newest it is looked for. */
const sameAmong = 16
/** A notice says at most this much. */
const maxCharacters = 500

/** The newest notices. A flood of the same refusals takes one place. */
export class Notices {
  readonly #thread: number
  #notices: Notice[] = []
  #lastNumber = 0

  constructor(thread: number) {
    this.#thread = thread
  }

  add(at: number, kind: NoticeKind, text: string, { address, code }: Pick<Notice, 'address' | 'code'> = {}): void {
    const said = text.length > maxCharacters ? `${text.slice(0, maxCharacters)}…` : text
    const same = this.#notices.findLastIndex(
      (each, index) =>
        index >= this.#notices.length - sameAmong &&
        each.kind === kind &&
        each.address === address &&
        each.code === code &&
        (code !== undefined || each.text === said) &&
        at - each.at < sameMs,
    )
    if (same >= 0) {
      const [before] = this.#notices.splice(same, 1)
      this.#notices.push({ ...before!, at, text: said, count: before!.count + 1 })
      return
    }
    this.#lastNumber++
    this.#notices.push({ id: `${this.#thread}.${this.#lastNumber}`, at, kind, text: said, count: 1, address, code })
    if (this.#notices.length > maxNotices) this.#notices = this.#notices.slice(-maxNotices)
  }

  /** Those that happened after a time, the oldest first. */
  after(at: number): readonly Notice[] {
    return this.#notices.filter((notice) => notice.at > at)
  }
}
