import { createRouter, type HandlerOptions } from '../../src/http/router.ts'
import { type FetchHandler, fetchHandlerFor } from '../../src/http/server/fetch-handler.ts'
import { type Handler, handlerFor } from '../../src/http/server/handler.ts'
import type { HubCore } from '../../src/hub/hub-core.ts'

/** Answers Fetch requests for a hub, with options that `createHub` keeps to itself. */
export function createFetchHandler(hub: HubCore, options: HandlerOptions = {}): FetchHandler {
  return fetchHandlerFor(createRouter(hub, options), options)
}

/** Answers requests of Node for a hub, with options that `createHub` keeps to itself. */
export function createHandler(hub: HubCore, options: HandlerOptions = {}): Handler {
  return handlerFor(createRouter(hub, options), options)
}
