import { theHub } from '../../../../lib/hub.ts'

export const dynamic = 'force-dynamic'

/** Answers `/api/hub` and all below it. */
async function answer(request: Request): Promise<Response> {
  return (await theHub()).fetch(request)
}

export { answer as GET, answer as HEAD, answer as OPTIONS, answer as POST }
