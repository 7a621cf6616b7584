import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { headwaterCommand } from '../from-source.ts'

/** Why no command can be run on a terminal, which it prints: those tests are skipped. `undefined` when one can. */
export function whyNoTerminal(): string | undefined {
  try {
    if (/util-linux/.test(execFileSync('script', ['--version'], { encoding: 'utf8' }))) return undefined
  } catch {
    // There is none.
  }
  const why = 'script of util-linux, which gives a command a terminal, is not installed'
  console.log(`skipped: what needs a terminal, because ${why}`)
  return why
}

/** A command on a terminal of its own. */
export class OnTerminal {
  output = ''
  readonly #child
  readonly #exited: Promise<unknown>

  /** `headwater` with these parameters. */
  static headwater(parameters: readonly string[], size = {}): OnTerminal {
    return new OnTerminal([process.execPath, ...headwaterCommand, ...parameters], size)
  }

  constructor(words: readonly string[], { columns = 80, rows = 24 } = {}) {
    const quoted = words.map((each) => `'${each.replaceAll("'", `'\\''`)}'`)
    const command = `stty cols ${columns} rows ${rows}; exec ${quoted.join(' ')}`
    this.#child = spawn('script', ['-qefc', command, '/dev/null'], {
      stdio: 'pipe',
      env: { ...process.env, TERM: 'xterm-256color', SHELL: '/bin/sh' },
    })
    this.#child.stdout.setEncoding('utf8').on('data', (text) => {
      this.output += text
    })
    this.#child.stdin.on('error', () => {})
    this.#exited = once(this.#child, 'close')
    onTestFinished(async () => {
      this.#child.kill('SIGKILL')
      await this.#exited
    })
  }

  type(keys: string): void {
    this.#child.stdin.write(keys)
  }

  async shows(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.output)) {
      await Promise.race([once(this.#child.stdout, 'data'), this.#exited])
      if (this.#child.exitCode !== null && !pattern.test(this.output)) {
        throw new Error(`it exited with ${this.#child.exitCode} and never showed ${pattern}:\n${this.output}`)
      }
    }
  }

  async ended(): Promise<number | null> {
    await this.#exited
    return this.#child.exitCode
  }
}
