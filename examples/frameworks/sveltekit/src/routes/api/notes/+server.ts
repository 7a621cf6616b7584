import { write } from '#lib/server/guest-book.ts'
import type { RequestHandler } from './$types'

export const POST: RequestHandler = async ({ request }) => {
  const { text } = await request.json()
  return Response.json({ id: write(String(text)) }, { status: 201 })
}
