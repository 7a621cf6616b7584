// Cloudflare Workers, with a Durable Object: requests can share a channel only where they reach the same object.
// Run: npx wrangler dev --config examples/workerd/wrangler.jsonc
import { createChannel, createResponse } from '@headwater/sse/server'
import page from '../page.html'

export class GuestBook {
  // Everyone who listens gets every event; whoever reconnects gets what was missed.
  readonly #channel = createChannel()
  #clock: ReturnType<typeof setInterval> | undefined

  async fetch(request: Request): Promise<Response> {
    this.#clock ??= setInterval(() => this.#channel.broadcast({ type: 'clock', data: new Date() }), 1000)
    const { pathname } = new URL(request.url)
    if (pathname === '/events') return createResponse(request, (session) => this.#channel.subscribe(session))
    if (pathname === '/messages' && request.method === 'POST') {
      const id = this.#channel.broadcast({ data: await request.text() })
      return Response.json({ id }, { status: 201 })
    }
    return new Response(null, { status: 404 })
  }
}

export default {
  async fetch(request: Request, { GUEST_BOOK }: Environment): Promise<Response> {
    if (new URL(request.url).pathname === '/') return new Response(page, { headers: { 'Content-Type': 'text/html' } })
    return GUEST_BOOK.get(GUEST_BOOK.idFromName('the only one')).fetch(request)
  },
}

interface Environment {
  GUEST_BOOK: { idFromName(name: string): unknown; get(id: unknown): { fetch(request: Request): Promise<Response> } }
}
