import { hubPath } from '../base/hub-path.ts'
import type { HubRequest, HubResponse } from './message/http-message.ts'

/** What a request is for, as it is logged and counted. */
export type RouteName =
  | 'publish'
  | 'subscribe'
  | 'last'
  | 'subscriptions'
  | 'page'
  | 'operating'
  | 'preflight'
  /** There is nothing at the path. */
  | 'none'

/** Answers a request. What it throws is answered as a problem. */
export type Answering = (request: HubRequest) => HubResponse | Promise<HubResponse>

/** A method that a path has. */
export interface Method {
  readonly name: RouteName
  readonly answer: Answering
}

/** What the hub has at a path, or at several. */
export interface Route {
  /** Whether it is at this path now: what a hub has may change when its configuration is read again. */
  readonly isAt: (path: string) => boolean
  /** How requests by a method that it does not have are counted. */
  readonly name: RouteName
  readonly methods: ReadonlyMap<string, Method>
  /** Pages of other origins may use it, and so ask first. */
  readonly isForPages: boolean
  /** Operators call the hub by its address, not by its public URL. */
  readonly isForOperators: boolean
}

/** What the routes answer with. A part that the hub does not have is `undefined`. */
export interface Answers {
  readonly publish: Answering
  readonly subscribe: Answering
  readonly last: Answering
  readonly preflight: (methods: string) => Answering
  readonly health: Answering
  readonly ready: Answering
  readonly metrics: Answering | undefined
  readonly subscriptions: Part | undefined
  readonly metadata: Part | undefined
  readonly page: Part | undefined
  /** Whether there is anybody who may publish. Without one there is no way to publish. */
  readonly hasPublishers: () => boolean
}

/** A part of the hub that is at paths of its own. */
export interface Part {
  readonly isAt: (path: string) => boolean
  readonly answer: Answering
}

/** The one table of what is where. The first route at a path is the one. */
export function routesOf(answers: Answers): readonly Route[] {
  const { publish, subscribe, last, health, ready, metrics, subscriptions, metadata, page, hasPublishers } = answers
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
    forOperators('/healthz', health),
    forOperators('/readyz', ready),
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
