// The clients that vanish, in a network that is cut. Arguments: host, how many of each, ports.
// Says `ready` when all of them receive.
import { connectClient } from './clients.ts'

const [host, count, ...ports] = process.argv.slice(2)
await Promise.all(
  ports.flatMap((port) => Array.from({ length: Number(count) }, () => connectClient('half-open', host!, Number(port)))),
)
console.log('ready')
