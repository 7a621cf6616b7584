import { write } from '../guest-book.server'
import type { Route } from './+types/notes'

export const action = async ({ request }: Route.ActionArgs) => {
  const { text } = await request.json()
  return Response.json({ id: write(String(text)) }, { status: 201 })
}
