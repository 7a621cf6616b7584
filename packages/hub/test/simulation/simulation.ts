import { createHash } from 'node:crypto'
import { Scheduler } from './scheduler.ts'
import { simulateGlobals } from './simulated-globals.ts'
import { type Sabotage, World } from './world.ts'

export interface SimulationOptions {
  readonly seed: number
  /** How many things happen. Default: as many as the seed says. */
  readonly steps?: number | undefined
  /** Whether to write down what happens. Default: no, which is faster. */
  readonly traces?: boolean | undefined
  readonly sabotage?: Sabotage | undefined
}

/** What came of a seed. */
export interface Outcome {
  readonly seed: number
  readonly steps: number
  /** What was wrong; `undefined` if nothing. */
  readonly failure: string | undefined
  /** One line for each thing that happened. */
  readonly trace: readonly string[]
  readonly taskCount: number
  readonly eventCount: number
}

/** How long a world that is well may take until everybody has everything, in its own milliseconds. */
const patienceMs = 600_000

/** Lives through what a seed makes happen. Never rejects. While it runs, time and chance are its own. */
export async function simulate({ seed, steps, traces = false, sabotage }: SimulationOptions): Promise<Outcome> {
  const trace: string[] | undefined = traces ? [] : undefined
  const scheduler = new Scheduler(seed, trace)
  const restore = simulateGlobals(scheduler)
  const unhandled: unknown[] = []
  const onUnhandled = (reason: unknown) => void unhandled.push(reason)
  process.on('unhandledRejection', onUnhandled)
  let world: World | undefined
  let failure: string | undefined
  const stepCount = Math.min(steps ?? Infinity, scheduler.pick([5, 10, 20, 30, 50]))
  try {
    world = new World(scheduler, sabotage)
    failure = await run(world, scheduler, stepCount)
  } catch (error) {
    failure = error instanceof Error ? `${error.message}\n${error.stack}` : String(error)
  } finally {
    restore()
  }
  // What nobody handles is known when the event loop goes on.
  await new Promise((resolve) => setImmediate(resolve))
  process.off('unhandledRejection', onUnhandled)
  if (unhandled.length > 0) failure ??= `a rejection that nobody handles: ${unhandled[0]}`
  return {
    seed,
    steps: stepCount,
    failure,
    trace: trace ?? [],
    taskCount: scheduler.taskCount,
    eventCount: world?.ledger.eventCount ?? 0,
  }
}

/** What happened, in a few characters. */
export function digest({ trace }: Outcome): string {
  return createHash('sha256').update(trace.join('\n')).digest('hex')
}

/** Resolves to what is wrong. */
async function run(world: World, scheduler: Scheduler, steps: number): Promise<string | undefined> {
  const { ledger } = world
  /** Waits until something is so. Looks only now and then: it is not for nothing. */
  const until = async (what: string, isSo: () => boolean, maxMs = patienceMs): Promise<void> => {
    let looks = 0
    const isOver = () => ledger.violation !== undefined || (looks++ % 8 === 0 && isSo())
    const end = await scheduler.run(isOver, maxMs)
    if (ledger.violation) throw ledger.violation
    if (end !== 'over' && !isSo()) throw new Error(`${what}, and never will be (${end})`)
  }
  let isOver = false
  const started = world.live(steps).then(() => {
    isOver = true
  })
  await until('the world has not come to its end', () => isOver, Infinity)
  await started

  world.heal()
  let revivedAt = -Infinity
  const revive = () => {
    if (scheduler.now < revivedAt + 1000) return
    revivedAt = scheduler.now
    world.revive()
  }
  await until('not everything is published', () => {
    revive()
    return world.isPublished
  })
  world.publishLast()
  await until('the last event is not published', () => {
    revive()
    return world.isPublished && world.lacking().length === 0
  }).catch((error: Error) => {
    throw ledger.violation ?? new Error(`${world.lacking().join('; ') || error.message}: it never came`)
  })
  // Whatever comes too much comes now. A hub that was closing before may be closed only now, and with it the loops of its program.
  const recovered = () => {
    revive()
    return ledger.violation !== undefined
  }
  await scheduler.run(recovered, 5000)
  await until('had everything, and then lacks something', () => recovered() || world.lacking().length === 0).catch(
    () => {
      ledger.fail(`had everything, and then ${world.lacking().join('; ')}`)
    },
  )
  world.checkHistories()
  if (ledger.violation) throw ledger.violation

  world.leave()
  await until('connections are left', () => world.network.connectionCount === 0)
  await until('subscribers are still there', () => world.remains.length === 0).catch(() => {
    throw ledger.violation ?? new Error(`all have left, and ${world.remains.join('; ')}`)
  })
  world.limitTo(1)
  let answer = ''
  const ask = async () => {
    // A request whose client has left may still be under way in the hub.
    while (answer !== 'ok') answer = await world.tryOnce()
  }
  ask()
  await until('nobody answers', () => answer === 'ok', 60_000).catch(() => {
    throw ledger.violation ?? new Error(`all have left, and one more is answered ${answer}`)
  })
  world.closeNodes()
  await until('hubs do not close', () => world.nodeCount === 0)
  await until('something is left to do', () => world.leftovers().length === 0).catch(() => {
    throw (
      ledger.violation ??
      new Error(`all is over, and there is still something to do for ${world.leftovers().join(', ')}`)
    )
  })
  if (world.network.connectionCount > 0) throw new Error(`${world.network.connectionCount} connections are left`)
  return undefined
}
