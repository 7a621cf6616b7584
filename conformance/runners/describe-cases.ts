import { beforeAll, describe, expect, it } from 'vitest'
import { deviations } from '../cases/deviations/index.ts'
import { expectationsFor } from '../cases/harness/expectation.ts'
import type { CaseResult } from '../cases/harness/run-cases.ts'
import type { Runtime } from '../cases/harness/runtime.ts'
import { cases } from '../cases/index.ts'
import type { RunOrder } from '../cases/targets/run-order.ts'

/**
 * Every case as a test of its own: they all run at once, before the first is reported. Several runtimes run at the same
 * time, as much of what they do is waiting.
 */
export function describeCases(name: string, runtime: Runtime, run: (order: CaseOrder) => Promise<CaseResult[]>): void {
  describe.concurrent(name, () => {
    const results = new Map<string, CaseResult>()

    beforeAll(async () => {
      const order = orderFor(runtime)
      for (const result of await run(order)) results.set(result.name, result)
      // On a very busy machine a browser has been seen to lose what a case waits for, once in some ten thousand cases. One
      // that was late gets a second chance, alone, and the run says so. A case that failed an assertion does not.
      for (const late of [...results.values()].filter(({ isLate }) => isLate)) {
        console.log(`${runtime.engine}: tried again, because it did not end in time: ${late.name}`)
        for (const result of await run({ ...order, only: late.name })) results.set(result.name, result)
      }
    }, 900_000)

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

/** What is to be run, without where the servers are. */
export type CaseOrder = Omit<RunOrder, 'origins'>

function orderFor(runtime: Runtime): CaseOrder {
  // Six connections to an origin are all that Chromium and WebKit have, and some cases want two. Elsewhere waiting is what takes long.
  const hasSixConnections = runtime.engine === 'Chromium' || runtime.engine === 'WebKit'
  const concurrency = hasSixConnections ? 4 : runtime.scope === 'process' ? 24 : 10
  // Only a case that fails, or a machine that hangs, takes so long.
  return { runtime, concurrency, deadlineMs: 120_000 }
}
