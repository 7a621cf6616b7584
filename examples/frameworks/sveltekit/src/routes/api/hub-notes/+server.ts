import { guestBookEvents } from '#lib/events.ts'
import { theHub } from '#lib/server/hub.ts'
import type { RequestHandler } from './$types'

export const POST: RequestHandler = async ({ request }) => {
  const notes = (await theHub()).topic('notes', { events: guestBookEvents })
  const { text } = await request.json()
  const id = await notes.broadcast({ type: 'note', data: { text: String(text), at: new Date().toISOString() } })
  return Response.json({ id }, { status: 201 })
}
