import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** A program that serves something on a port of its own choice. */
export interface ServerProcess {
  url: string
  /** What it has written to standard error so far. */
  errors: () => string
  /** Resolves when it is gone. */
  stop: () => Promise<void>
}

/**
 * Starts a program and waits until it has written its port: a line that matches `port`, on standard output or, for
 * programs that have a channel for such things, on another descriptor.
 */
export async function startServer(
  command: string[],
  port = /^(\d+)\n/m,
  descriptor: 1 | 3 = 1,
): Promise<ServerProcess> {
  const [program, ...args] = command
  const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const listening = new Promise<number>((resolve) => {
    let output = ''
    const stream = child.stdio[descriptor] as NodeJS.ReadableStream
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
      const found = port.exec(output)
      if (found) resolve(Number(found[1]))
    })
  })
  const ended = once(child, 'close').then(([code]) => {
    throw new Error(`${command.join(' ')} ended with ${code} before it listened.\n${errors}`)
  })
  const number = await Promise.race([listening, ended])
  return {
    url: `http://127.0.0.1:${number}`,
    errors: () => errors,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}
