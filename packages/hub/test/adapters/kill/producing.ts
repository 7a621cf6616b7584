import { writeSync } from 'node:fs'

/** Whether the hub was away, and the same can be tried again. */
export function isPassing(error: unknown): boolean {
  return (error as { code?: string }).code === 'STORE_FAILED'
}

/** At once: what is not written when the process is killed is lost. */
export function say(line: string): void {
  writeSync(1, `${line}\n`)
}
