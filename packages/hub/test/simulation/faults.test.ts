import { expect, test } from 'vitest'
import { faults } from './faults.ts'
import { simulate } from './simulation.ts'

/** A fault that takes more seeds to be found than these would be found too late. */
const mostSeeds = 2000

test.each(faults)('finds it when $name', { timeout: 600_000 }, async ({ sabotage, inject }) => {
  const restore = inject?.()
  try {
    for (let seed = 1; seed <= mostSeeds; seed++) {
      const { failure } = await simulate({ seed, sabotage })
      if (failure !== undefined) return
    }
    expect.fail(`${mostSeeds} seeds found nothing.`)
  } finally {
    restore?.()
  }
})
