import { createResponse } from '@headwater/sse/server'
import { guestBook } from '#lib/server/guest-book.ts'
import type { RequestHandler } from './$types'

export const GET: RequestHandler = ({ request }) =>
  createResponse(request, (session) => {
    guestBook().subscribe(session)
  })
