/**
 * The whole of a terminal, on its other screen: what was there before is there again afterwards, however
 * the process ends. Keys come one by one.
 */
export class FullScreen {
  readonly #input: NodeJS.ReadStream
  readonly #output: NodeJS.WriteStream
  readonly #leave = () => this.close()
  readonly #stop = () => {
    this.close()
    process.exit(0)
  }
  #isOpen = false
  #onKey: (key: string) => void = () => {}
  #onResize: () => void = () => {}

  constructor(input: NodeJS.ReadStream = process.stdin, output: NodeJS.WriteStream = process.stdout) {
    this.#input = input
    this.#output = output
  }

  get columns(): number {
    return this.#output.columns || 80
  }

  get rows(): number {
    return this.#output.rows || 24
  }

  /** `onKey` gets each key; Ctrl-C and SIGTERM end the process with 0. */
  open(onKey: (key: string) => void, onResize: () => void): void {
    this.#isOpen = true
    this.#onKey = onKey
    this.#onResize = onResize
    this.#output.write('\x1b[?1049h\x1b[?25l')
    this.#output.on('resize', this.#onResize)
    process.once('exit', this.#leave)
    process.once('SIGTERM', this.#stop)
    process.once('SIGHUP', this.#stop)
    if (!this.#input.isTTY) return
    this.#input.setRawMode(true)
    this.#input.setEncoding('utf8').on('data', this.#onData)
  }

  /** Shows these lines, each of which fits; those that do not fit below one another are left out. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return
    const shown = lines.slice(0, this.rows)
    const text = shown.map((line) => `${line}\x1b[K`).join('\r\n')
    // All at once, where the terminal can do that.
    this.#output.write(`\x1b[?2026h\x1b[H${text}\x1b[J\x1b[?2026l`)
  }

  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#output.off('resize', this.#onResize)
    process.off('exit', this.#leave)
    process.off('SIGTERM', this.#stop)
    process.off('SIGHUP', this.#stop)
    if (this.#input.isTTY) {
      this.#input.off('data', this.#onData)
      this.#input.setRawMode(false)
      this.#input.pause()
    }
    this.#output.write('\x1b[?25h\x1b[?1049l')
  }

  readonly #onData = (data: string | Buffer) => {
    for (const key of String(data)) {
      if (key === '\x03') this.#stop()
      else if (key === '\x1a') this.#suspend()
      else this.#onKey(key)
    }
  }

  /** Ctrl-Z: the shell has its screen until it continues this process. */
  #suspend(): void {
    const [onKey, onResize] = [this.#onKey, this.#onResize]
    this.close()
    process.once('SIGCONT', () => {
      this.open(onKey, onResize)
      onResize()
    })
    process.kill(process.pid, 'SIGTSTP')
  }
}
