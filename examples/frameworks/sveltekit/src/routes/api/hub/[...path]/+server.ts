import { theHub } from '#lib/server/hub.ts'
import type { RequestHandler } from './$types'

/** Answers `/api/hub` and all below it, whatever the method. */
export const fallback: RequestHandler = async ({ request }) => (await theHub()).fetch(request)
