import { createResponse } from '@headwater/sse/server'
import { join, report } from '../feed.mjs'
import { serveFetch } from '../serve-fetch.mjs'

await serveFetch((request) => {
  if (new URL(request.url).pathname === '/report') return new Response(report())
  return createResponse(request, (session) => {
    session.closed.then(join((data) => session.send({ data })))
  })
})
