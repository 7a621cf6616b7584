import { describe, it } from 'vitest'
import { type InstalledRuntime, reasonToSkip } from './runtimes.ts'

/** Defines tests that need a runtime. Where it may be missing and is, a skipped test and a line say why. */
export function describeInstalled(name: string, runtime: InstalledRuntime, define: () => void): void {
  const reason = reasonToSkip(runtime)
  if (reason === undefined) {
    define()
    return
  }
  console.log(`skipped: ${name}, because ${reason}`)
  describe(name, () => it.skip(reason))
}
