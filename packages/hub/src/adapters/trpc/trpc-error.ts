import { TRPCError } from '@trpc/server'
import { HubError, type HubErrorCode } from '../../base/errors.ts'

/** A hub's error as tRPC's; others, an abort among them, stay what they are. */
export function toTRPCError(error: unknown): unknown {
  if (!(error instanceof HubError)) return error
  return new TRPCError({ code: codes[error.code] ?? 'INTERNAL_SERVER_ERROR', message: error.message, cause: error })
}

/** The client retries after `SERVICE_UNAVAILABLE` and `INTERNAL_SERVER_ERROR`, and gives up after the others. */
const codes: Partial<Record<HubErrorCode, TRPCError['code']>> = {
  NOT_FOUND: 'NOT_FOUND',
  STREAM_GONE: 'PRECONDITION_FAILED',
  STREAM_ENDED: 'UNPROCESSABLE_CONTENT',
  INVALID_EVENT_ID: 'BAD_REQUEST',
  INVALID_STREAM_NAME: 'BAD_REQUEST',
  INVALID_DATA: 'UNPROCESSABLE_CONTENT',
  HUB_CLOSED: 'SERVICE_UNAVAILABLE',
  STORE_FAILED: 'SERVICE_UNAVAILABLE',
  STORE_CLOSED: 'SERVICE_UNAVAILABLE',
}
