import { write } from '../../../lib/guest-book'

export async function POST(request: Request): Promise<Response> {
  const { text } = await request.json()
  return Response.json({ id: write(String(text)) }, { status: 201 })
}
