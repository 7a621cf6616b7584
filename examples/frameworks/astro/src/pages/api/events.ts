import { createResponse } from '@headwater/sse/server'
import type { APIRoute } from 'astro'
import { guestBook } from '../../lib/guest-book'

export const GET: APIRoute = ({ request }) =>
  createResponse(request, (session) => {
    guestBook().subscribe(session)
  })
