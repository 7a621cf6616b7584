import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { rowOf } from './message.ts'
import { type Outcome, outcomeOf } from './outcome.ts'
import { ReaderProcess } from './reader-process.ts'
import type { Reader } from './readers.ts'
import { RestartableServer, type ServerKind } from './server.ts'

/** How long a reader may bring nothing before it is no longer waited for: longer than any library waits to reconnect. */
const patienceMs = 30_000

/** All readers on one server, through one scenario. */
export class Run {
  readonly server: RestartableServer
  readonly #readers: readonly Reader[]
  readonly #logs: string
  #processes: ReaderProcess[] = []
  /** Those that are no longer waited for. */
  readonly #givenUp = new Set<ReaderProcess>()
  /** How many of the others do not come back, as far as one can count. */
  #absent = 0
  #firstRow = 1
  #lastRow = 0

  /** Plays a scenario; gives the outcome of each reader, by its name. */
  static async play(
    play: (run: Run) => Promise<void>,
    kind: ServerKind,
    readers: readonly Reader[],
    logs: string,
  ): Promise<Map<string, Outcome>> {
    const directory = mkdtempSync(join(tmpdir(), 'headwater-readers-'))
    mkdirSync(logs, { recursive: true })
    const run = new Run(await RestartableServer.start(kind, join(directory, 'data')), readers, logs)
    try {
      await play(run)
      await run.untilAllIsRead()
      return run.#outcomes()
    } finally {
      await Promise.all(run.#processes.map((each) => each.stop()))
      await run.server.stop('SIGKILL')
      rmSync(directory, { recursive: true, force: true })
    }
  }

  private constructor(server: RestartableServer, readers: readonly Reader[], logs: string) {
    this.server = server
    this.#readers = readers
    this.#logs = logs
  }

  /** Starts all readers, and waits until they are connected. The events that they are to get begin with `firstRow`. */
  async startReaders({ savedId, firstRow = 1 }: { savedId?: string; firstRow?: number } = {}): Promise<void> {
    this.#firstRow = firstRow
    this.#processes = this.#readers.map(
      (reader) => new ReaderProcess(reader, this.server.url, savedId, join(this.#logs, `${reader.id}.log`)),
    )
    await this.untilConnected()
  }

  /** Publishes the next row; gives its ID. */
  async publish(): Promise<string> {
    const id = await this.server.publish(JSON.stringify({ row: this.#lastRow + 1 }))
    this.#lastRow++
    return id
  }

  /** Resolves when as many streams are open as there are readers, or when those that are missing seem to have given up. */
  async untilConnected(): Promise<void> {
    const missing = async () => this.#waitedFor.length - (await this.server.connections())
    if (await this.#until(async () => (await missing()) <= this.#absent)) return
    this.#absent = await missing()
  }

  /** Resolves when all readers have the last row, or when those that lack it seem to have given up. */
  async untilAllIsRead(): Promise<void> {
    const isBehind = ({ messages }: ReaderProcess) => !messages.some((message) => rowOf(message) === this.#lastRow)
    if (await this.#until(async () => !this.#waitedFor.some(isBehind))) return
    for (const process of this.#waitedFor.filter(isBehind)) this.#givenUp.add(process)
    this.#absent = 0
  }

  get #waitedFor(): ReaderProcess[] {
    return this.#processes.filter((process) => !process.hasEnded && !this.#givenUp.has(process))
  }

  /** Whether the condition came true before nothing came for too long. */
  async #until(condition: () => Promise<boolean>): Promise<boolean> {
    const since = performance.now()
    while (!(await condition())) {
      const lastAt = Math.max(since, ...this.#processes.map(({ lastAt }) => lastAt))
      if (performance.now() - lastAt > patienceMs) return false
      await pause(50)
    }
    return true
  }

  #outcomes(): Map<string, Outcome> {
    const rows = { first: this.#firstRow, last: this.#lastRow }
    return new Map(
      this.#processes.map(({ reader, messages, hasEnded }) => [reader.id, outcomeOf(messages, rows, hasEnded)]),
    )
  }
}
