import { type ConformanceCase, deviationOf, nameOf, type Runtime } from './conformance-case.ts'
import { type Host, Trial } from './trial.ts'

/** The outcome of one case, as the runner reports it. */
export interface CaseResult {
  name: string
  /** Why it failed; absent when it passed. */
  error?: string
}

export interface RunOptions {
  /** How many cases run at a time. Browsers allow six connections to an origin. */
  concurrency: number
  /** How long one case may take before it counts as failed. */
  deadlineMs: number
  /** Runs only the cases whose name contains this. */
  only?: string
}

/** Tries every case that applies to the host's runtime, several at a time; never rejects because a case failed. */
export async function runCases(cases: ConformanceCase[], host: Host, options: RunOptions): Promise<CaseResult[]> {
  const chosen = casesFor(cases, host.runtime).filter(({ name }) => name.includes(options.only ?? ''))
  const results: CaseResult[] = []
  const queue = chosen.filter(({ alone }) => !alone)
  const lane = async () => {
    for (let next = queue.shift(); next; next = queue.shift())
      results.push(await tryCase(next, host, options.deadlineMs))
  }
  await Promise.all(Array.from({ length: options.concurrency }, lane))
  for (const last of chosen.filter(({ alone }) => alone)) results.push(await tryCase(last, host, options.deadlineMs))
  return results
}

export function casesFor(cases: ConformanceCase[], runtime: Runtime): ConformanceCase[] {
  return cases.filter(({ appliesTo }) => appliesTo?.(runtime) ?? true)
}

async function tryCase(conformanceCase: ConformanceCase, host: Host, deadlineMs: number): Promise<CaseResult> {
  const deviation = deviationOf(conformanceCase, host.runtime)
  const name = nameOf(conformanceCase, host.runtime)
  const failure = await failureOf(deviation?.run ?? conformanceCase.run, host, deadlineMs)
  if (deviation?.fails === undefined || deviation.run)
    return failure === undefined ? { name } : { name, error: failure }
  if (failure === deviation.fails) return { name }
  return {
    name,
    error: `expected the deviation ${JSON.stringify(deviation.fails)}, got ${failure === undefined ? 'the standard behaviour: take the deviation out' : JSON.stringify(failure)}`,
  }
}

async function failureOf(run: ConformanceCase['run'], host: Host, deadlineMs: number): Promise<string | undefined> {
  const trial = new Trial(host)
  let timer: ReturnType<typeof setTimeout> | undefined
  const deadline = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(trial.stillWaiting()), deadlineMs)
  })
  try {
    return await Promise.race([Promise.resolve(run(trial)).then(() => undefined), deadline])
  } catch (error) {
    return error instanceof Error ? failureText(error) : String(error)
  } finally {
    clearTimeout(timer)
    await trial.end()
  }
}

/** An assertion says all in its message; anything else is a surprise, whose stack helps. */
function failureText(error: Error): string {
  return error.name === 'ConformanceFailure' ? error.message : (error.stack ?? `${error.name}: ${error.message}`)
}
