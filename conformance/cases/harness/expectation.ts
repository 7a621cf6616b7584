import type { ConformanceCase, Deviation, Deviations } from './conformance-case.ts'
import type { Runtime } from './runtime.ts'

/** What is expected of one runtime in one case: the case itself, or the deviation known of it. */
export interface Expectation {
  /** What it is reported as. */
  name: string
  of: ConformanceCase
  deviation?: Deviation
}

/** What is expected of a runtime, for every case that applies to it. */
export function expectationsFor(cases: ConformanceCase[], deviations: Deviations[], runtime: Runtime): Expectation[] {
  const known = deviations.filter(({ isOf }) => isOf(runtime))
  return cases
    .filter(({ appliesTo }) => appliesTo?.(runtime) ?? true)
    .map((of) => {
      const whose = known.find(({ from }) => from[of.name])
      const deviation = whose?.from[of.name]
      if (!whose || !deviation) return { name: of.name, of }
      return { name: `${whose.who} ${deviation.does} (the standard: ${of.name})`, of, deviation }
    })
}
