import { createServer } from 'node:http'
import { createSession } from '@headwater/sse/server'
import { host, join, report } from '../feed.mjs'

const server = createServer((req, res) => {
  if (req.url === '/report') return res.end(report())
  const session = createSession(req, res)
  session.closed.then(join((data) => session.send({ data })))
})
server.listen(0, host, () => console.log(`port ${server.address().port}`))
