/**
 * A server process to kill: passes connections on to the scripted server, and exists so that a case can have its
 * server really away, its connections reset and its port refusing.
 *
 *   node relay.ts <port to listen on> <port to pass on to>
 */
import { connect, createServer } from 'node:net'

const [listenPort, upstreamPort] = process.argv.slice(2).map(Number)

const server = createServer({ noDelay: true }, (client) => {
  const upstream = connect({ port: upstreamPort!, host: '127.0.0.1', noDelay: true })
  client.pipe(upstream).pipe(client)
  // One side's end or failure is the other's.
  client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy())
  upstream.on('error', () => client.destroy()).on('close', () => client.destroy())
})
server.listen(listenPort, '127.0.0.1', () => {
  process.stdout.write('listening\n')
})
// The parent holds the other end of stdin: without it nobody could kill this process any more.
process.stdin.on('end', () => process.exit()).resume()
