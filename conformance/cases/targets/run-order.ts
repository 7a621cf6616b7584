import * as ours from '@headwater/sse/client'
import type { Runtime } from '../harness/conformance-case.ts'
import { type CaseResult, type RunOptions, runCases } from '../harness/run-cases.ts'
import type { Origins } from '../harness/script.ts'
import type { UncaughtErrors } from '../harness/trial.ts'
import { cases } from '../index.ts'

/** What a runner sends to a target: which implementation to try, against which servers. */
export interface RunOrder extends RunOptions {
  runtime: Runtime
  origins: Origins
}

export function carryOut(order: RunOrder, uncaught: UncaughtErrors): Promise<CaseResult[]> {
  const { runtime, origins, ...options } = order
  const underTest = runtime.implementation === 'ours' ? ours.EventSource : globalThis.EventSource
  const host = { runtime, origins, ours, uncaught, EventSource: underTest as unknown as typeof EventSource }
  return runCases(cases, host, options)
}
