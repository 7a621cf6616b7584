// `npm run simulate -- --seed 1234`: one seed, with a line for each thing that happens. `-- --seeds 1000000 [--from 1]`: many.
import { parseArgs } from 'node:util'
import { replayCommand } from './replay-command.ts'
import { type Outcome, simulate } from './simulation.ts'

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    steps: { type: 'string' },
    seeds: { type: 'string' },
    from: { type: 'string', default: '1' },
  },
})

if (values.seed !== undefined) await replay(Number(values.seed), values.steps ? Number(values.steps) : undefined)
else await explore(Number(values.from), Number(values.seeds ?? 10_000))

async function replay(seed: number, steps: number | undefined): Promise<void> {
  const whole = await simulate({ seed, steps, traces: true })
  const outcome = whole.failure === undefined || steps !== undefined ? whole : await shorten(whole)
  console.log(outcome.trace.join('\n'))
  if (outcome.failure === undefined) {
    console.log(`\nSeed ${seed}: all is well, after ${outcome.eventCount} events and ${outcome.taskCount} tasks.`)
    return
  }
  console.log(`\nSeed ${seed}: ${outcome.failure}`)
  if (outcome.steps < whole.steps)
    console.log(`\nThis was the shortest of its kind: ${outcome.steps} steps of ${whole.steps}.`)
  process.exitCode = 1
}

/** The same world, ending as early as still goes wrong. */
async function shorten(whole: Outcome): Promise<Outcome> {
  for (let steps = 1; steps < whole.steps; steps++) {
    const outcome = await simulate({ seed: whole.seed, steps, traces: true })
    if (outcome.failure !== undefined) return outcome
  }
  return whole
}

async function explore(first: number, count: number): Promise<void> {
  const startedAt = performance.now()
  let failed = 0
  for (let seed = first; seed < first + count; seed++) {
    const { failure } = await simulate({ seed })
    if (failure !== undefined) {
      failed++
      console.log(`Seed ${seed}: ${failure.split('\n')[0]}\n  ${replayCommand(seed)}`)
    }
    const done = seed - first + 1
    if (done % 10_000 === 0) console.log(`${done} seeds, ${failed} failed, ${seconds(startedAt)} s`)
  }
  console.log(`${count} seeds from ${first} on: ${failed} failed, ${seconds(startedAt)} s.`)
  if (failed > 0) process.exitCode = 1
}

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1)
}
