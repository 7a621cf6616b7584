import { createResponse } from '@headwater/sse/server'
import { guestBook } from '../../../lib/guest-book'

export function GET(request: Request): Response {
  // Next.js logs a response that breaks off, as an interrupted stream does, as an error: let it end.
  const response = createResponse(request, { whenInterrupted: 'end' }, (session) => {
    guestBook().subscribe(session)
  })
  // By a connection that is kept, the client would come back to a process that is about to stop.
  response.headers.set('connection', 'close')
  return response
}
