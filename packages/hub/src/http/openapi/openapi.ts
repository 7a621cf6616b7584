import { version } from '../../base/version.ts'
import { type HubResponse, pathOf } from '../message/http-message.ts'
import type { Part, Route } from '../routes.ts'
import { type DescribedHub, describedPaths } from './operations.ts'
import { refTo, schemas } from './schemas.ts'

/** What the document says of a hub beside its routes. */
export interface ApiFacts extends DescribedHub {
  /** The cookie in which browsers present tokens. `undefined` if the hub checks none. */
  readonly tokenCookie: string | undefined
  /** The URLs by which clients know the hub, without its path. Empty: where the document is. */
  readonly servers: readonly string[]
}

/**
 * The routes of the documents: below the hub's path, and that of OpenAPI also at the root where the
 * hub has a port of its own. `describe` gives it, as the hub is now.
 */
export function documentsPart(
  path: string,
  isAtRoot: boolean,
  describe: () => object,
  asyncApi: object | undefined,
): Part {
  const openApiPaths = [`${path}/headwater/v1/openapi.json`, ...(isAtRoot ? ['/openapi.json'] : [])]
  const asyncApiPath = asyncApi && `${path}/headwater/v1/asyncapi.json`
  return {
    isAt: (each) => openApiPaths.includes(each) || each === asyncApiPath,
    answer: (request): HubResponse => ({
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-cache' },
      body: `${JSON.stringify(pathOf(request) === asyncApiPath ? asyncApi : describe())}\n`,
    }),
  }
}

/**
 * Describes the hub's HTTP interface by OpenAPI 3.2: the paths and methods that its table of routes has
 * now. Leaves out `HEAD` and `OPTIONS`, the page, and what hubs say to each other.
 */
export function openApiDocument(routes: readonly Route[], facts: ApiFacts): object {
  const { tokenCookie, servers } = facts
  return {
    openapi: '3.2.0',
    info: {
      title: 'Headwater hub',
      version,
      description: 'Keeps every event and gives each subscriber exactly what it missed.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: (servers.length > 0 ? servers : ['/']).map((url) => ({ url })),
    ...(tokenCookie && { security: [{}, { bearer: [] }, { cookie: [] }] }),
    paths: pathsOf(routes, facts),
    components: {
      schemas,
      responses: {
        Problem: {
          description: 'The request was refused, or the hub failed.',
          content: { 'application/problem+json': { schema: refTo('Problem') } },
        },
      },
      ...(tokenCookie && {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
          cookie: { type: 'apiKey', in: 'cookie', name: tokenCookie, description: 'The same token.' },
        },
      }),
    },
  }
}

function pathsOf(routes: readonly Route[], hub: DescribedHub): object {
  const paths: Record<string, object> = {}
  for (const { path, route: name, example = path, operations } of describedPaths(hub)) {
    const route = routes.find(({ isAt }) => isAt(example))
    const present = Object.entries(operations).filter(
      ([method]) => route?.name === name && route.methods.has(method.toUpperCase()),
    )
    if (present.length > 0) paths[path] = Object.fromEntries(present)
  }
  return paths
}
