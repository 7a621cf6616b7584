import { createResponse } from '@headwater/sse/server'
import { guestBook } from '../guest-book.server'
import type { Route } from './+types/events'

export const loader = ({ request }: Route.LoaderArgs) =>
  createResponse(request, (session) => {
    guestBook().subscribe(session)
  })
