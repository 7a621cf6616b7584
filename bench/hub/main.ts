// What it costs to deliver events: the hub compared with other servers, with a client that checks
// every event. README.md describes the method. `npm run bench:hub` runs all of it; a small part:
// `npm run bench:hub -- burst paced --peers hub,nchan --rounds 1 --scale 0.1`
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { choosePeers } from './peers/all.ts'
import type { Peer } from './peers/peer.ts'
import { aims, judge } from './report/aims.ts'
import { plotOf } from './report/plot.ts'
import { publishPathAims } from './report/publish-path-aims.ts'
import { faultsOf, type Results, type Trial } from './report/results.ts'
import { tableOf } from './report/table.ts'
import { chooseScenarios, scenarios } from './scenarios/all.ts'
import { type Scenario, Stage } from './scenarios/stage.ts'

const help = `npm run bench:hub -- [scenarios] [options]

  scenarios              ${scenarios.map(({ name }) => name).join(' ')}; burst is all that begin with burst-. Default: all of them
                         client: the ceiling of the benchmark's own client
  --peers <names>        hub,hub-memory,nchan,better-sse,naive,floor; default: all that can do the scenario;
                         also hub-threads: the hub with --threads 2, and hub-postgres: over an engine of its own
  --before <directory>   beside each hub also that of another checkout, which is built there: the version before
  --rounds <count>       how often each peer has its turn; default 3
  --scale <factor>       of the numbers of subscribers and events; default 1
  --client-threads <n>   threads of the client that hold subscribers; default 1
  --out <directory>      where last-run.json, table.md and plot.svg go; default bench/results for all scenarios at scale 1, else .cache/bench-hub
  --merge                keep what is there of other scenarios
  --profile <directory>  write CPU profiles of the peers that run on Node there; of garbage, where they allocate
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    peers: { type: 'string' },
    before: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    scale: { type: 'string', default: '1' },
    'client-threads': { type: 'string', default: '1' },
    out: { type: 'string' },
    merge: { type: 'boolean', default: false },
    profile: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

/**
 * npm runs this in the folder of the benchmarks, but a path is relative to the folder in which it
 * is typed.
 */
const here = process.env.INIT_CWD ?? process.cwd()

if (values.help) console.log(help)
else await run()

async function run(): Promise<void> {
  const root = fileURLToPath(new URL('../..', import.meta.url))
  const chosen = chooseScenarios(positionals)
  const sides = choosePeers(values.peers?.split(',') ?? [], values.before && resolve(here, values.before))
  const rounds = Number(values.rounds)
  const scale = Number(values.scale)
  const isFull = positionals.length === 0 && values.peers === undefined && scale === 1
  const out = resolve(here, values.out ?? join(root, isFull ? 'bench/results' : '.cache/bench-hub'))
  const startedAt = new Date().toISOString().slice(0, 16)
  // Peers are stopped when the process exits, which an unhandled signal would skip.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))

  const others = values.merge ? othersIn(join(out, 'last-run.json'), chosen) : []
  const trials: Trial[] = []
  const resultsOf = (done: readonly Trial[]): Results => ({
    startedAt,
    command: commandOf(process.argv.slice(2)),
    machine: `Node ${process.version}, ${process.platform}, ${cpus().length} x ${cpus()[0]?.model}`,
    rounds,
    scale,
    trials: [...others, ...done],
  })
  for (const scenario of chosen) {
    const able = sides.filter(({ name, versionOf = name }) => scenario.peers.includes(versionOf))
    for (let round = 0; round < rounds; round++) {
      // Each peer begins a round equally often.
      for (const index of able.keys()) {
        const peer = able[(index + round) % able.length]!
        const trial = await tryOut(scenario, peer, round, scale)
        trials.push(trial)
        console.log(lineOf(trial))
      }
    }
    // After each trial, so that an interrupted run leaves what it has.
    await write(resultsOf(trials), out)
  }

  const results = resultsOf(trials)
  console.log(`\n${tableOf(results, [...chosen])}`)
  for (const each of judge(results.trials, [...aims, ...publishPathAims])) {
    const before = each.before === undefined ? '' : `, before ${each.before}`
    console.log(`${each.scenario}: ${each.title}: ${each.measured}${before} (${each.toReach}): ${each.verdict}`)
  }
  console.log(`\nlast-run.json, table.md and plot.svg are in ${out}`)
}

async function write(results: Results, directory: string): Promise<void> {
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'last-run.json'), `${JSON.stringify(results, undefined, 1)}\n`)
  writeFileSync(join(directory, 'table.md'), tableOf(results, chooseScenarios([])))
  writeFileSync(join(directory, 'plot.svg'), await plotOf(results))
}

async function tryOut(scenario: Scenario, peer: Peer, round: number, scale: number): Promise<Trial> {
  const directory = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'headwater-bench-'))
  const identity = { scenario: scenario.name, peer: peer.name, round }
  try {
    const profileDirectory = values.profile && join(resolve(here, values.profile), `${scenario.name}-${peer.name}`)
    const { countsAllocation = false } = scenario
    const running = await peer.start({ directory, profileDirectory: profileDirectory || undefined, countsAllocation })
    const note = running.note === undefined ? {} : { note: running.note }
    const stage = new Stage(running, { scale, clientThreads: Number(values['client-threads']) })
    try {
      const { measures, groups } = await within(240_000, scenario.run(stage))
      const delivered = groups.reduce((sum, group) => sum + group.delivered, 0)
      return { ...identity, ...note, measures, threadCpuMs: stage.threadCpuMs, delivered, faults: faultsOf(groups) }
    } finally {
      await stage.end()
      await running.stop()
    }
  } catch (error) {
    return { ...identity, measures: {}, delivered: 0, faults: {}, error: String(error) }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Rejects if it takes longer; what was started ends with the peer. */
function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`It was not done after ${ms / 1000} s.`)), ms)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}

function lineOf({ scenario, peer, round, measures, faults, error }: Trial): string {
  const text = Object.entries(measures).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`)
  const wrong = Object.keys(faults).length > 0 ? ` FAULTS ${JSON.stringify(faults)}` : ''
  return `${scenario} ${peer} #${round + 1}: ${error ?? text.join(', ')}${wrong}`
}

/**
 * The command for the same measurements, wherever they are to be written and the version before is.
 */
function commandOf(args: readonly string[]): string {
  const isPath = (arg: string | undefined) => arg === '--out' || arg === '--profile'
  const kept = args
    .flatMap((arg) => (arg.startsWith('--') ? arg.split('=', 2) : [arg]))
    .filter((arg, index) => !isPath(arg) && !isPath(args[index - 1]))
    .map((arg, index, all) => (all[index - 1] === '--before' ? '<directory>' : arg))
  return ['npm run bench:hub', ...(kept.length > 0 ? ['--', ...kept] : [])].join(' ')
}

function othersIn(file: string, chosen: readonly Scenario[]): readonly Trial[] {
  if (!existsSync(file)) return []
  const { trials } = JSON.parse(readFileSync(file, 'utf8')) as Results
  return trials.filter((trial) => !chosen.some(({ name }) => name === trial.scenario))
}
