import { LinePublisher } from '../hub/line-publisher.ts'
import { httpRequest } from '../hub/peers/peer.ts'

export interface FillOptions {
  readonly port: number
  readonly token: string
  /** How many events the hub keeps. */
  readonly maxEvents: number
}

/**
 * Fills what a hub remembers of the topics of trimmed events, up to its bound, before anybody looks: by the load alone that would take some
 * twenty minutes, which would look like growth. Each event has a topic of its own, nobody subscribes to any, and all are trimmed as the load comes.
 */
export async function fillTraces({ port, token, maxEvents }: FillOptions): Promise<void> {
  const headers = {
    'Content-Type': 'application/x-ndjson',
    'Transfer-Encoding': 'chunked',
    Authorization: `Bearer ${token}`,
  }
  const publisher = await LinePublisher.open(port, httpRequest('POST', '/.well-known/mercure', headers))
  try {
    for (let sent = 0; sent < maxEvents + mostTraces; sent += atOnce) {
      publisher.send(Array.from({ length: atOnce }, (_, index) => lineOf(sent + index)).join(''))
      await publisher.untilAcknowledged(sent + atOnce)
    }
  } finally {
    publisher.close()
  }
}

/** Of the store: traces are kept of so many sets of topics. */
const mostTraces = 10_000
const atOnce = 500

/** As long as topics of the load are, those that tell who is subscribed among them. */
function lineOf(number: number): string {
  return `${JSON.stringify({ topic: `https://soak.test/filled/${String(number).padEnd(100, '-')}`, data: 'filled' })}\n`
}
