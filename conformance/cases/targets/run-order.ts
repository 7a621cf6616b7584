import * as ours from '@headwater/sse/client'
import { deviations } from '../deviations/index.ts'
import { expectationsFor } from '../harness/expectation.ts'
import { OtherSource } from '../harness/other-source.ts'
import { type CaseResult, type RunOptions, runCases } from '../harness/run-cases.ts'
import type { Runtime } from '../harness/runtime.ts'
import type { Origins } from '../harness/script.ts'
import type { UncaughtErrors } from '../harness/uncaught-errors.ts'
import { cases } from '../index.ts'

/** What a runner sends to a target: which implementation to try, against which servers. */
export interface RunOrder extends RunOptions {
  runtime: Runtime
  origins: Origins
  /** Tries only the cases whose name contains this. */
  only?: string
}

export function carryOut(order: RunOrder, uncaught: UncaughtErrors): Promise<CaseResult[]> {
  const { runtime, origins, only, ...options } = order
  const underTest = (
    runtime.implementation === 'ours' ? ours.EventSource : globalThis.EventSource
  ) as typeof EventSource
  const host = { runtime, origins, ours, uncaught, EventSource: underTest, other: new OtherSource(origins, underTest) }
  const expectations = expectationsFor(cases, deviations, runtime).filter(({ name }) => name.includes(only ?? ''))
  return runCases(expectations, host, options)
}
