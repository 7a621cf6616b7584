import type { APIRoute } from 'astro'
import { write } from '../../lib/guest-book'

export const POST: APIRoute = async ({ request }) => {
  const { text } = await request.json()
  return Response.json({ id: write(String(text)) }, { status: 201 })
}
