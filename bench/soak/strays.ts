import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { httpRequest } from '../hub/peers/peer.ts'

/** Those who ask for what there is not, or are gone in the middle of it: each leaves nothing behind. Begun one a second, until the signal. */
export async function sendStrays(port: number, signal: AbortSignal): Promise<number> {
  let count = 0
  while (!signal.aborted) {
    const socket = connect({ host: '127.0.0.1', port })
    // Being refused, one way or another, is what it is for.
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
