import { theHub } from '../../../../lib/hub'

/** Answers `/api/hub` and all below it. */
async function answer(request: Request): Promise<Response> {
  const hub = await theHub()
  const response = await hub.fetch(request)
  // By a connection that is kept, a subscriber would come back to a process that is about to stop.
  response.headers.set('connection', 'close')
  return response
}

export { answer as GET, answer as HEAD, answer as OPTIONS, answer as POST }
