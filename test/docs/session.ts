import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { freePort } from '../../conformance/runners/free-port.ts'
import { root } from './markdown.ts'

const headwater = join(root, 'packages/hub/dist/cli/main.js')

/** Commands, and whether they have said all that they should. */
export interface Step {
  readonly script: string
  readonly isEnough: (output: string) => boolean
}

/**
 * Runs commands as somebody would who reads them, in an empty folder: the next step when the last one has said all that it should. Gives
 * what they said, as it comes.
 */
export async function runShell(steps: readonly Step[]): Promise<Outcome> {
  const port = await freePort()
  const directory = temporaryDirectory()
  const bin = join(directory, '.bin')
  mkdirSync(bin)
  const hub = `http://127.0.0.1:${port}`
  // Somebody who reads waits until the hub says that it is ready.
  const untilReady = `for i in $(seq 1000); do [ "$(command curl -sko /dev/null -w '%{http_code}' ${hub}/healthz)" = 200 ] && break; sleep 0.1; done`
  writeCommand(
    join(bin, 'headwater'),
    `case "$1" in publish|tail|trace) ${untilReady.replace('command curl', '/usr/bin/curl')}; exec '${process.execPath}' '${headwater}' "$@" --hub ${hub};; esac
exec '${process.execPath}' '${headwater}' "$@"`,
  )
  writeCommand(join(bin, 'npx'), 'exec "$@"')
  const place = (text: string) => text.replaceAll(/\b3000\b/g, String(port))
  const gate = (index: number) => join(directory, `.step-${index}`)
  const whole = steps
    .map(({ script }, index) => `until [ -e ${gate(index)} ]; do sleep 0.02; done\n${script}`)
    .join('\n')
  const body = place(whole)
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) =>
      // In a terminal of its own.
      line.replace(/^((?:npx )?headwater (?:serve|tail)\b(?! --help)[^#&>|]*?)(\s+#.*)?$/, '$1 &'),
    )
    .join('\n')
  const child = spawn('bash', ['-euc', `curl() { ${untilReady}; command curl "$@"; }\n${body}`], {
    cwd: directory,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      PATH: `${bin}:${join(process.execPath, '..')}:${process.env.PATH}`,
      HEADWATER_LISTEN: `127.0.0.1:${port}`,
    },
  })
  let opened = 0
  const isEnough = (output: string) => {
    while (opened < steps.length && steps.slice(0, opened).every((step) => step.isEnough(output))) {
      writeFileSync(gate(opened++), '')
    }
    return opened === steps.length && steps.every((step) => step.isEnough(output))
  }
  return await observe(child, isEnough, (output) => output.replaceAll(String(port), '3000'))
}

/** Runs a module that was written into the workspace, so that it finds the packages. */
export async function runModule(path: string, isEnough: (output: string) => boolean): Promise<Outcome> {
  const child = spawn(process.execPath, [path], {
    cwd: temporaryDirectory(),
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  return await observe(child, isEnough, (output) => output)
}

export interface Outcome {
  readonly output: string
  /** 0 also if it was ended because it had said enough. */
  readonly exitCode: number
}

async function observe(
  child: ReturnType<typeof spawn>,
  isEnough: (output: string) => boolean,
  read: (output: string) => string,
): Promise<Outcome> {
  let output = ''
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text) => {
      output += text
    })
  }
  const exited = once(child, 'exit')
  const kill = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  onTestFinished(kill)
  // What it started may go on after it, and say the rest. A busy machine takes its time.
  for (let waited = 0; waited < 110_000; waited += 50) {
    const isAllSaid = isEnough(read(output))
    if (isAllSaid && (hasEnded(child) || child.spawnargs[0] !== 'bash')) break
    if (hasEnded(child) && child.exitCode !== 0) break
    await wait(50)
  }
  const exitCode = child.exitCode ?? 0
  kill()
  await exited
  return { output: read(output), exitCode }
}

function hasEnded(child: ReturnType<typeof spawn>): boolean {
  return child.exitCode !== null
}

function writeCommand(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
}

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-docs-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))
  return directory
}
