import { cutColumns } from './columns.ts'

/** How often a line is written anew at most, in milliseconds. */
const intervalMs = 100

/**
 * One line at the bottom of a terminal that says how far something is. Where standard error is none, it
 * writes nothing. Whatever else is written to it goes through `print`.
 */
export class StatusLine {
  readonly #output: NodeJS.WriteStream
  #isShown = false
  #shownAt = Number.NEGATIVE_INFINITY

  constructor(output: NodeJS.WriteStream = process.stderr) {
    this.#output = output
  }

  /** Shows a text in place of the last one, unless that is too new. */
  show(text: () => string): void {
    const now = performance.now()
    if (!this.#output.isTTY || now - this.#shownAt < intervalMs) return
    this.#shownAt = now
    this.#isShown = true
    // Not the last column: some terminals break the line there.
    this.#output.write(`\r${cutColumns(text(), (this.#output.columns ?? 80) - 1)}\x1b[K`)
  }

  /** Writes a line that stays, above this one. */
  print(line: string): void {
    this.clear()
    this.#output.write(`${line}\n`)
  }

  clear(): void {
    if (!this.#isShown) return
    this.#output.write('\r\x1b[K')
    this.#isShown = false
    this.#shownAt = Number.NEGATIVE_INFINITY
  }
}
