import type { HubSpan } from '../hub/telemetry.ts'
import type { HubRequest, HubResponse } from './message/http-message.ts'

/** What a request is for, as logged and counted. */
export type RouteName =
  | 'publish'
  | 'subscribe'
  | 'last'
  | 'subscriptions'
  /** Of one writer, with an end. */
  | 'stream'
  /** For hubs that copy this one. */
  | 'replicate'
  /** For operators, and the page that shows it. */
  | 'observe'
  | 'page'
  | 'operating'
  | 'preflight'
  /** No route is at the path. */
  | 'none'

/** Answers a request, below its span if it has one. What it throws is answered with a problem. */
export type Answering = (request: HubRequest, span?: HubSpan) => HubResponse | Promise<HubResponse>

/** A method of a route. */
export interface Method {
  readonly name: RouteName
  readonly answer: Answering
}

/** What the hub serves at a path, or at several. */
export interface Route {
  /** Whether the route is at this path now: that can change when the configuration is reloaded. */
  readonly isAt: (path: string) => boolean
  /** How requests with a method that the route lacks are counted. */
  readonly name: RouteName
  readonly methods: ReadonlyMap<string, Method>
  /** Whether pages of other origins may use it, and so send a preflight. */
  readonly isForPages: boolean
  /** Whether it is for operators, who call the hub by its address and not by its public URL. */
  readonly isForOperators: boolean
}

/** The functions that the routes answer with. `undefined` for a part that the hub does not have. */
export interface Answers {
  /** The path of the hub. */
  readonly path: string
  readonly publish: Answering
  readonly subscribe: Answering
  readonly last: Answering
  readonly preflight: (methods: string) => Answering
  readonly health: Answering | undefined
  readonly ready: Answering | undefined
  readonly metrics: Answering | undefined
  readonly replication: Part
  readonly streams: StreamsPart | undefined
  /** The descriptions of all of this. */
  readonly documents: Part
  readonly observe: Part | undefined
  /** At one path of those of `observe`. */
  readonly trim: Part | undefined
  readonly subscriptions: Part | undefined
  readonly metadata: Part | undefined
  readonly page: Part | undefined
  /** Whether any client may publish. If none may, the hub has no method to publish. */
  readonly hasPublishers: () => boolean
}

/** A part of the hub with its own paths. */
export interface Part {
  readonly isAt: (path: string) => boolean
  readonly answer: Answering
}

/** The routes of streams, by method. */
export interface StreamsPart {
  readonly isAt: (path: string) => boolean
  readonly read: Answering
  readonly put: Answering
  readonly post: Answering
  readonly delete: Answering
}

/** The one table of what is where. If several routes are at a path, the first one counts. */
export function routesOf(answers: Answers): readonly Route[] {
  const {
    path: hubPath,
    publish,
    subscribe,
    last,
    health,
    ready,
    metrics,
    replication,
    streams,
    documents,
    observe,
    trim,
    subscriptions,
    metadata,
    page,
    hasPublishers,
  } = answers
  const forPages = (isAt: Route['isAt'], name: RouteName, methods: readonly [string, Method][]): Route => {
    const preflight = answers.preflight([...methods.map(([method]) => method), 'OPTIONS'].join(', '))
    return {
      isAt,
      name,
      methods: new Map([...methods, ['OPTIONS', { name: 'preflight', answer: preflight }]]),
      isForPages: true,
      isForOperators: false,
    }
  }
  const forOperators = (path: string, answer: Answering): Route => ({
    isAt: (each) => each === path,
    name: 'operating',
    methods: new Map(methods('GET, HEAD', 'operating', answer)),
    isForPages: false,
    isForOperators: true,
  })
  const selecting = 'GET, HEAD, QUERY'
  const routes: (Route | undefined)[] = [
    forPages((path) => path === hubPath && hasPublishers(), 'subscribe', [
      ...methods(selecting, 'subscribe', subscribe),
      ...methods('POST', 'publish', publish),
    ]),
    forPages((path) => path === hubPath, 'subscribe', methods(selecting, 'subscribe', subscribe)),
    forPages((path) => path === `${hubPath}/last`, 'last', methods(selecting, 'last', last)),
    subscriptions &&
      forPages(subscriptions.isAt, 'subscriptions', methods('GET, HEAD', 'subscriptions', subscriptions.answer)),
    streams &&
      forPages(streams.isAt, 'stream', [
        ...methods('GET, HEAD', 'stream', streams.read),
        ...methods('PUT', 'stream', streams.put),
        ...methods('POST', 'stream', streams.post),
        ...methods('DELETE', 'stream', streams.delete),
      ]),
    {
      isAt: replication.isAt,
      name: 'replicate',
      methods: new Map(methods('GET, POST', 'replicate', replication.answer)),
      isForPages: false,
      isForOperators: true,
    },
    observe &&
      trim && {
        isAt: trim.isAt,
        name: 'observe',
        methods: new Map([
          ...methods('GET, HEAD', 'observe', observe.answer),
          ...methods('DELETE', 'observe', trim.answer),
        ]),
        isForPages: false,
        isForOperators: true,
      },
    forPages(documents.isAt, 'operating', methods('GET, HEAD', 'operating', documents.answer)),
    observe && {
      isAt: observe.isAt,
      name: 'observe',
      methods: new Map(methods('GET, HEAD', 'observe', observe.answer)),
      isForPages: false,
      isForOperators: true,
    },
    health && forOperators('/healthz', health),
    ready && forOperators('/readyz', ready),
    metrics && forOperators('/metrics', metrics),
    metadata && forPages(metadata.isAt, 'operating', methods('GET, HEAD', 'operating', metadata.answer)),
    page && {
      isAt: page.isAt,
      name: 'page',
      methods: new Map(methods('GET, HEAD', 'page', page.answer)),
      isForPages: false,
      isForOperators: false,
    },
  ]
  return routes.filter((route) => route !== undefined)
}

function methods(list: string, name: RouteName, answer: Answering): readonly [string, Method][] {
  return list.split(', ').map((method) => [method, { name, answer }])
}
