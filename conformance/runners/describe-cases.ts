import { beforeAll, describe, expect, it } from 'vitest'
import { deviations } from '../cases/deviations/index.ts'
import type { Runtime } from '../cases/harness/conformance-case.ts'
import { expectationsFor } from '../cases/harness/expectation.ts'
import type { CaseResult } from '../cases/harness/run-cases.ts'
import { cases } from '../cases/index.ts'
import type { RunOrder } from '../cases/targets/run-order.ts'

/**
 * Every case as a test of its own: they all run at once, before the first is reported. Several runtimes run at the same
 * time, as much of what they do is waiting.
 */
export function describeCases(name: string, runtime: Runtime, run: () => Promise<CaseResult[]>): void {
  describe.concurrent(name, () => {
    const results = new Map<string, CaseResult>()

    beforeAll(async () => {
      for (const result of await run()) results.set(result.name, result)
    }, 240_000)

    for (const { name } of expectationsFor(cases, deviations, runtime)) {
      it(name, () => {
        const result = results.get(name)
        expect(result, 'the runtime reported nothing of this case').toBeDefined()
        // The failure is told in the case's own words, not as a comparison.
        if (result!.error !== undefined) throw new Error(result!.error)
      })
    }
  })
}

export function orderFor(runtime: Runtime): Omit<RunOrder, 'origins'> {
  // Six connections to an origin are all that Chromium has, and some cases want two. Elsewhere waiting is what takes long.
  const concurrency = runtime.engine === 'Chromium' ? 4 : runtime.scope === 'process' ? 24 : 10
  // Only a case that fails, or a machine that hangs, takes so long.
  return { runtime, concurrency, deadlineMs: 60_000 }
}
