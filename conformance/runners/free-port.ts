import { once } from 'node:events'
import { createServer } from 'node:net'

/**
 * A port that stays free while nobody listens on it. One that the system hands out would not: it would give it to somebody else in the
 * meantime, even to the very client that tries to reach it. So it is one below all those.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 10_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    server.close()
    await once(server, 'close')
    return port
  }
}
