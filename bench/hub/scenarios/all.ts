import { client } from './client.ts'
import { burst, burstOf16, crowdOf50, crowdOf50Fast, paced, wide } from './fan-out.ts'
import { idle } from './idle.ts'
import { manyTopics, patterns, privateEvents } from './mixed.ts'
import { publishAlone, publishArrays, publishLines, publishOf64 } from './publish.ts'
import { slow } from './slow.ts'
import type { Scenario } from './stage.ts'
import { storm } from './storm.ts'
import { garbage, topics } from './topics.ts'

/** The scenarios of a full run, in order. */
export const scenarios: readonly Scenario[] = [
  burst,
  burstOf16,
  paced,
  wide,
  crowdOf50,
  crowdOf50Fast,
  topics,
  garbage,
  idle,
  storm,
  slow,
  manyTopics,
  patterns,
  privateEvents,
  publishAlone,
  publishOf64,
  publishArrays,
  publishLines,
]

/**
 * The scenarios with these names, or with these words before their first `-`; all if there are no
 * names. Throws if one is not known.
 */
export function chooseScenarios(names: readonly string[]): readonly Scenario[] {
  if (names.length === 0) return scenarios
  const known = [...scenarios, client]
  return names.flatMap((name) => {
    const chosen = known.filter((scenario) => scenario.name === name || scenario.name.split('-')[0] === name)
    if (chosen.length > 0) return chosen
    throw new Error(`There is no scenario ${name}. There are: ${known.map((each) => each.name).join(', ')}.`)
  })
}
