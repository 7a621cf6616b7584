// What the hub answers below …/headwater/v1/. A test compares these types with the hub's own.

export const figureNames = [
  'published',
  'delivered',
  'deliveredBytes',
  'ended',
  'refused',
  'failed',
  'gaps',
  'subscribers',
  'behind',
  'lag',
] as const

export type FigureName = (typeof figureNames)[number]

/** Figures over time. `newestAt` is the beginning of the newest step; `null` is not known. */
export interface Series {
  readonly stepMs: number
  readonly newestAt: number
  readonly values: Readonly<Record<FigureName, readonly (number | null)[]>>
}

export type Range = 'minute' | 'hour' | 'day'

export interface Notice {
  readonly id: string
  readonly at: number
  readonly kind: 'refused' | 'failed' | 'gap' | 'slow' | 'recovered' | 'trimmed'
  readonly text: string
  readonly count: number
  readonly address?: string | undefined
  readonly code?: string | undefined
}

export interface TopicFigures {
  readonly topic: string
  readonly events: number
  readonly perMinute: number
  readonly lastAt: number
  readonly lastPosition: number
}

export interface TopicList {
  readonly counted: number
  readonly isPartial: boolean
  readonly busiest: readonly TopicFigures[]
}

export interface ListedSubscriber {
  readonly selectors: readonly { readonly type: 'all' | 'exact' | 'urlpattern' | 'template'; readonly match: string }[]
  readonly selectorCount: number
  readonly address: string
  readonly holder?: string | undefined
  readonly since: number
  readonly lastEventId?: string | undefined
  readonly lagEvents: number
  readonly isCatchingUp: boolean
  readonly unsentBytes: number
}

export interface SubscriberList {
  readonly total: number
  readonly found: number
  readonly subscribers: readonly ListedSubscriber[]
}

export interface Totals {
  readonly subscribers: number
  readonly behind: number
  readonly lag: number
  readonly feeds: number
  readonly unsentBytes: number
  readonly replicas: number
  readonly published: number
  readonly delivered: number
  readonly deliveredBytes: number
  readonly refused: number
  readonly failed: number
  readonly gaps: number
}

export interface Observed {
  readonly version: 1
  readonly at: number
  readonly startedAt: number
  readonly threads: number
  readonly totals: Totals
  readonly series: Readonly<Record<Range, Series>>
  readonly notices: readonly Notice[]
  readonly topics: TopicList
  readonly history: { readonly epoch: string; readonly head: number; readonly trimmed: number; readonly count: number }
  readonly nodes: { readonly self: string; readonly alive: readonly string[] | null } | null
  readonly upstream: {
    readonly isConnected: boolean
    readonly behind?: number | undefined
    readonly silentMs: number
  } | null
}

export interface HubEvent {
  readonly position: number
  readonly at: number | null
  readonly id: string
  readonly topics: readonly string[]
  readonly type: string
  readonly private: boolean
  readonly retry: number | null
  readonly bytes: number
  readonly data?: string | undefined
  readonly isCut: boolean
}

export interface Mark {
  readonly position: number
  readonly at: number | null
}

export interface HistoryPage {
  readonly epoch: string
  readonly events: readonly HubEvent[]
  readonly after: number
  readonly through: number
  readonly head: number
  readonly oldest: Mark | null
  readonly newest: Mark | null
  readonly count: number
}
