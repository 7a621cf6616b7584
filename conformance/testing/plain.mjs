// A socket, no socket, the clock: in whatever runtime runs this.
import { events } from '../../packages/sse/dist/client/index.js'
import { createTestServer, cut, half, installFakeClock, scriptedFetch } from '../../packages/sse/dist/testing/index.js'

const script = [[{ data: 'one', id: '1' }, half({ data: 'lost', id: '2' }), cut()], [{ data: 'two', id: '2' }]]
const ids = ({ requests }) => requests.map(({ lastEventId }) => JSON.stringify(lastEventId)).join(', ')

const server = await createTestServer(script)
const stream = events(server.url, { retry: { reconnectionTimeMs: 1, backoffMs: 0 } })
console.log(`socket: ${(await stream.next()).value.data}, ${(await stream.next()).value.data}; IDs: ${ids(server)}`)
stream.close()
await server.close()

const clock = installFakeClock({ now: 0 })
const fetch = scriptedFetch(script)
const other = events('http://a.test/', { fetch })
const first = await clock.until(other.next())
const second = await clock.until(other.next())
const result = `${first.value.data}, ${second.value.data}; IDs: ${ids(fetch)}; after ${clock.now} ms`
other.close()
clock.uninstall()
console.log(`fetch and clock: ${result}`)
