/**
 * One thing that a lesson's server did or saw, in one run of a lesson. Times are in milliseconds
 * since 1970.
 */
export type LogEntry =
  | {
      readonly kind: 'request'
      readonly at: number
      /** Who asked, as the page named it: `native` or `ours`. */
      readonly client: string
      readonly method: string
      /** The name of the stream. */
      readonly stream: string
      readonly lastEventId: string
      readonly origin: string | undefined
      readonly hasCookie: boolean
      /** The milliseconds since this client's previous response ended. */
      readonly sinceMs: number | undefined
    }
  | {
      readonly kind: 'response'
      readonly at: number
      readonly client: string
      readonly status: number
      readonly headers: Readonly<Record<string, string>>
    }
  | { readonly kind: 'bytes'; readonly at: number; readonly client: string; readonly text: string }
  | {
      readonly kind: 'end'
      readonly at: number
      readonly client: string
      /** `left`: the client went; `away`: there was no response. */
      readonly how: 'finish' | 'break' | 'left' | 'away'
    }

/** What happened in one run of a lesson, for the page that watches it. */
export class LessonLog {
  readonly #entries: LogEntry[] = []
  readonly #watchers = new Set<(entry: LogEntry, index: number) => void>()

  add(entry: LogEntry): void {
    if (this.#entries.length === maxEntries) return
    this.#entries.push(entry)
    for (const watcher of this.#watchers) watcher(entry, this.#entries.length - 1)
  }

  /** Calls back with the entries from an index on, those to come included. Returns how to stop. */
  watch(from: number, watcher: (entry: LogEntry, index: number) => void): () => void {
    for (let index = Math.max(0, from); index < this.#entries.length; index++) watcher(this.#entries[index]!, index)
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }
}

/** The rest of a run that long is not kept, nor shown. */
const maxEntries = 1000
