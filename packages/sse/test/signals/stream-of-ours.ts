import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { createSession } from '../../src/server/node.ts'
import type { Session } from '../../src/server/session.ts'
import type { SessionOptions } from '../../src/server/session-options.ts'

/** Serves sessions over real sockets. `serve` is called with each. */
export async function serveSessions(serve: (session: Session) => unknown, options: SessionOptions = {}) {
  const requests: { lastEventId: string | undefined; closed: Session['closed'] }[] = []
  const server = http.createServer((req, res) => {
    const session = createSession(req, res, { retryMs: 20, drainSpreadMs: 0, onError: () => {}, ...options })
    requests.push({ lastEventId: req.headers['last-event-id']?.toString(), closed: session.closed })
    if (session.isOpen) serve(session)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, requests }
}

/** Six rows after the one that the client has. `fail` is called before each, and may throw. */
export function rowsAfter(id: string, fail: (row: number) => void = () => {}) {
  return (async function* () {
    for (let row = Number(id) + 1; row <= 6; row++) {
      fail(row)
      yield { data: { row }, id: `${row}` }
    }
  })()
}
