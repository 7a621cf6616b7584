import { createResponse } from '@headwater/sse/server'
import { beginVisit, routes, visitsOf } from './routes.ts'

/** The server under test as a Fetch handler: what Bun, Deno, workerd and others take as it is. */
export async function handle(request: Request): Promise<Response> {
  const url = new URL(request.url)
  if (url.pathname === '/visits') return Response.json(visitsOf(url))
  const route = routes[url.pathname]
  if (!route) return new Response(`Nothing at ${url.pathname}\n`, { status: 404 })
  const body = request.method === 'POST' ? await request.text() : ''
  return createResponse(request, route.options ?? {}, (session) =>
    route.produce(session, beginVisit(session, url, body)),
  )
}
