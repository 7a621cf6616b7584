import { connectingCases } from './connecting.ts'
import { corsCases } from './cors.ts'
import { groundCases } from './ground.ts'
import type { ConformanceCase } from './harness/conformance-case.ts'
import { objectCases } from './object.ts'
import { parsingCases } from './parsing.ts'
import { restartCases } from './restart.ts'
import { supersetCases } from './superset.ts'

/** Every case there is, in the order of the behaviour they come from. */
export const cases: ConformanceCase[] = [
  ...groundCases,
  ...corsCases,
  ...parsingCases,
  ...connectingCases,
  ...objectCases,
  ...supersetCases,
  ...restartCases,
]
