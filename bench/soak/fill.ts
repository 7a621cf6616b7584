import { LinePublisher } from '../hub/line-publisher.ts'
import { httpRequest } from '../hub/peers/peer.ts'

export interface FillOptions {
  readonly port: number
  readonly token: string
  /** The number of events that the hub keeps. */
  readonly maxEvents: number
}

/**
 * Fills, before the measurement, what is bounded and fills slowly. The load alone would take an
 * hour for that, which would look like growth. It fills what a hub remembers of the topics of
 * trimmed events; the file of its store, with room for the keys that it remembers for an hour; and
 * the cache of SQLite, which fills as that file does. Each event has a topic of its own, nobody
 * subscribes to any of them, and all are trimmed as the load arrives.
 */
export async function fill({ port, token, maxEvents }: FillOptions): Promise<void> {
  const headers = {
    'Content-Type': 'application/x-ndjson',
    'Transfer-Encoding': 'chunked',
    Authorization: `Bearer ${token}`,
  }
  const publisher = await LinePublisher.open(port, httpRequest('POST', '/.well-known/mercure', headers))
  try {
    for (let sent = 0; sent < maxEvents + mostTraces; sent += atOnce) {
      publisher.send(Array.from({ length: atOnce }, (_, index) => lineOf(sent + index, maxEvents)).join(''))
      await publisher.untilAcknowledged(sent + atOnce)
    }
  } finally {
    publisher.close()
  }
}

/** The limit of the store: tombstones are kept for this many sets of topics. */
const mostTraces = 10_000
const atOnce = 100

/** The size of SQLite's cache, in bytes. */
const cacheBytes = 32 * 1024 ** 2

/**
 * Its topic is as long as those of the load's subscription events. The last ones, which are all
 * kept at once, are together larger than the cache.
 */
function lineOf(number: number, maxEvents: number): string {
  const topic = `https://soak.test/filled/${String(number).padEnd(100, '-')}`
  const repeats = number < mostTraces ? 1 : Math.ceil(cacheBytes / maxEvents / 7)
  return `${JSON.stringify({ topic, data: 'filled '.repeat(repeats) })}\n`
}
