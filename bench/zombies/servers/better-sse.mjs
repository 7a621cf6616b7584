import { createServer } from 'node:http'
import { createSession } from 'better-sse'
import { host, join, report } from '../feed.mjs'

const server = createServer(async (req, res) => {
  if (req.url === '/report') return res.end(report())
  const session = await createSession(req, res)
  session.once(
    'disconnected',
    join((data) => session.push(data)),
  )
})
server.listen(0, host, () => console.log(`port ${server.address().port}`))
