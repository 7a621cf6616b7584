import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { httpRequest } from '../hub/peers/peer.ts'

/**
 * Clients that request what does not exist, or leave in the middle of a request: each leaves
 * nothing behind. One starts each second, until the signal.
 */
export async function sendStrays(port: number, signal: AbortSignal): Promise<number> {
  let count = 0
  while (!signal.aborted) {
    const socket = connect({ host: '127.0.0.1', port })
    // They are there to be refused, one way or another.
    socket.on('error', () => socket.destroy())
    socket.setTimeout(5000, () => socket.destroy())
    socket.on('data', () => socket.destroy())
    socket.write(requests[count % requests.length]!(count))
    count++
    await wait(1000)
  }
  return count
}

const path = '/.well-known/mercure'

const requests: readonly ((count: number) => string)[] = [
  (count) => httpRequest('GET', `/nothing/${count}`),
  () => httpRequest('GET', path),
  (count) => httpRequest('GET', `${path}?match=news`, { Authorization: `Bearer no-token-${count}` }),
  (count) => httpRequest('GET', `${path}?match_urlpattern=${encodeURIComponent(`https://soak.test/(${count}`)}`),
  (count) => httpRequest('POST', path, {}, `topic=https://soak.test/strays/${count}&data=without+a+token`),
  (count) => httpRequest('GET', `${path}?match=news`, { 'Last-Event-ID': `unknown.${count}.0` }),
  () => `GET ${path}?match=ne`,
  () => `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\ntopic=`,
]
