import { guestBookEvents } from '../../../lib/events'
import { theHub } from '../../../lib/hub'

export async function POST(request: Request): Promise<Response> {
  const notes = (await theHub()).topic('notes', { events: guestBookEvents })
  const { text } = await request.json()
  const id = await notes.broadcast({ type: 'note', data: { text: String(text), at: new Date().toISOString() } })
  return Response.json({ id }, { status: 201 })
}
