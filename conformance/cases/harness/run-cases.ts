import type { Expectation } from './expectation.ts'
import { type Host, Trial } from './trial.ts'

/** The outcome of one expectation, as the runner reports it. */
export interface CaseResult {
  name: string
  /** Why it failed; absent when it passed. */
  error?: string
  /** Whether it failed because it had not ended by the deadline. */
  isLate?: true
}

export interface RunOptions {
  /** How many cases run at a time. Browsers allow six connections to an origin. */
  concurrency: number
  /** How long one case may take before it counts as failed. */
  deadlineMs: number
}

/** Tries each expectation, several at a time; never rejects because one failed. */
export async function runCases(expectations: Expectation[], host: Host, options: RunOptions): Promise<CaseResult[]> {
  const results: CaseResult[] = []
  const queue = expectations.filter(({ of }) => !of.alone)
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) results.push(await judge(next, host, options.deadlineMs))
  }
  await Promise.all(Array.from({ length: options.concurrency }, lane))
  await host.other.close()
  for (const last of expectations.filter(({ of }) => of.alone))
    results.push(await judge(last, host, options.deadlineMs))
  return results
}

async function judge({ name, of, deviation }: Expectation, host: Host, deadlineMs: number): Promise<CaseResult> {
  const failure = await failureOf(deviation?.run ?? of.run, host, deadlineMs)
  const expected = deviation?.run ? undefined : deviation?.fails
  if (expected === undefined) return failure === undefined ? { name } : { name, ...failure }
  if (failure?.error.includes(expected)) return { name }
  const instead = failure?.error ?? 'the standard behaviour: take the deviation out'
  return { ...failure, name, error: `expected the case to fail with ${expected}\nbut got ${instead}` }
}

type Failure = Required<Pick<CaseResult, 'error'>> & Pick<CaseResult, 'isLate'>

async function failureOf(run: Expectation['of']['run'], host: Host, deadlineMs: number): Promise<Failure | undefined> {
  const trial = new Trial(host)
  let timer: ReturnType<typeof setTimeout> | undefined
  const deadline = new Promise<Failure>((resolve) => {
    timer = setTimeout(() => resolve({ error: trial.stillWaiting(), isLate: true }), deadlineMs)
  })
  try {
    return await Promise.race([Promise.resolve(run(trial)).then(() => undefined), deadline])
  } catch (error) {
    return { error: error instanceof Error ? failureText(error) : String(error) }
  } finally {
    clearTimeout(timer)
    await trial.end()
  }
}

/** An assertion says all in its message; anything else is a surprise, whose stack helps. */
function failureText(error: Error): string {
  return error.name === 'ConformanceFailure' ? error.message : (error.stack ?? `${error.name}: ${error.message}`)
}
