// The plan of docs/scaling.md as numbers: what a number of hubs takes, and what happens when one of them fails. Deterministic;
// the constants are the measurements that the page names. `npm run bench:plan --workspace bench`.

/** Measured, unless it says otherwise. In microseconds of processor time, bytes, and seconds. */
const measured = {
  writeUs: 8.6,
  /** Opening a stream and finding where it resumes. */
  openUs: 150,
  /** For each event on each hub: read from the engine, applied to the copy, encoded, written to one subscriber. */
  eventUs: 34,
  heartbeatUs: 11,
  heartbeatSeconds: 10,
  connectionBytes: 11_100,
  eventBytes: 250,
  drainSeconds: 5,
}

interface Plan {
  readonly clients: number
  readonly nodes: number
  readonly cores: number
  /** Events published, and the share of clients that each is for. */
  readonly eventsPerSecond: number
  readonly audience: number
}

interface Need {
  readonly coresBusy: number
  readonly memoryGB: number
  readonly networkMBps: number
  /** Until one event is written to all its subscribers on a node. */
  readonly fanOutMs: number
}

function needOf({ clients, nodes, cores, eventsPerSecond, audience }: Plan): Need {
  const own = clients / nodes
  const threads = cores - 1
  const deliveries = eventsPerSecond * own * audience
  const us =
    deliveries * measured.writeUs +
    (own / measured.heartbeatSeconds) * measured.heartbeatUs +
    eventsPerSecond * measured.eventUs
  return {
    coresBusy: us / 1e6,
    memoryGB: (own * measured.connectionBytes) / 1e9,
    networkMBps: (deliveries * (measured.eventBytes + 60)) / 1e6,
    fanOutMs: (own * audience * measured.writeUs) / threads / 1000,
  }
}

/**
 * Simulates the loss of a node, in steps of 10 ms: its clients come back at moments spread over
 * their reconnection time (2 s and jitter; `drainSeconds` after an orderly stop), each to another
 * node, which opens as many streams as half of its threads' time is enough for. Returns the seconds
 * until the last one is back.
 */
function stormOf({ clients, nodes, cores }: Plan, isOrderly: boolean): number {
  const perNode = clients / nodes / (nodes - 1)
  const spread = isOrderly ? measured.drainSeconds : 1
  const opensPerStep = ((cores - 1) * 0.5 * 10_000) / measured.openUs
  let waiting = 0
  let opened = 0
  for (let step = 0; ; step++) {
    const seconds = step / 100
    if (seconds < spread) waiting += perNode / (spread * 100)
    const now = Math.min(waiting, opensPerStep)
    waiting -= now
    opened += now
    if (opened >= perNode - 1e-6) return seconds
  }
}

const plans: readonly Plan[] = [
  { clients: 1e6, nodes: 3, cores: 16, eventsPerSecond: 100, audience: 0.001 },
  { clients: 1e6, nodes: 10, cores: 8, eventsPerSecond: 100, audience: 0.001 },
  { clients: 1e6, nodes: 10, cores: 8, eventsPerSecond: 1, audience: 1 },
  { clients: 1e6, nodes: 10, cores: 8, eventsPerSecond: 5000, audience: 0.00001 },
  { clients: 1e7, nodes: 100, cores: 8, eventsPerSecond: 100, audience: 0.0001 },
]

const columns = [
  'clients',
  'hubs',
  'cores each',
  'events/s',
  'each event goes to',
  'cores busy',
  'memory, GB',
  'out, MB/s',
  'one event to all',
  'a hub dies: all back after',
  'a hub restarts: all back after',
]
console.log(`| ${columns.join(' | ')} |\n| ${columns.map(() => '---:').join(' | ')} |`)
for (const plan of plans) {
  const { coresBusy, memoryGB, networkMBps, fanOutMs } = needOf(plan)
  const row = [
    plan.clients.toLocaleString('en'),
    plan.nodes,
    plan.cores,
    plan.eventsPerSecond.toLocaleString('en'),
    `${(plan.clients * plan.audience).toLocaleString('en')}`,
    coresBusy.toFixed(2),
    memoryGB.toFixed(1),
    networkMBps.toFixed(1),
    `${fanOutMs.toFixed(1)} ms`,
    // The reconnection time passes first.
    `${(2 + stormOf(plan, false)).toFixed(1)} s`,
    `${stormOf(plan, true).toFixed(1)} s`,
  ]
  console.log(`| ${row.join(' | ')} |`)
}
