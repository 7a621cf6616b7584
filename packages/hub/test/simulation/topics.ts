import type { Scheduler } from './scheduler.ts'

const base = 'https://example.com'

/** All there are. */
export const topics = [`${base}/rooms/1`, `${base}/rooms/2`, `${base}/rooms/2/log`, `${base}/users/7`, 'plain'] as const

/** A selector, and beside it what it means, said in another way than the hub's matchers do. */
export interface Selector {
  readonly parameter: 'match' | 'match_exact' | 'match_urlpattern' | 'topic'
  readonly value: string
  readonly selects: (topic: string) => boolean
}

const selectors: readonly Selector[] = [
  ...topics.flatMap((value) =>
    (['match', 'match_exact', 'topic'] as const).map((parameter) => ({
      parameter,
      value,
      selects: (topic: string) => topic === value,
    })),
  ),
  ...topics.map((value) => ({ parameter: 'match' as const, value, selects: (topic: string) => topic === value })),
  { parameter: 'match', value: '*', selects: () => true },
  {
    parameter: 'match_urlpattern',
    value: `${base}/rooms/:room`,
    selects: (topic) => topic === topics[0] || topic === topics[1],
  },
  { parameter: 'match_urlpattern', value: `${base}/*`, selects: (topic) => topic.startsWith(`${base}/`) },
  {
    parameter: 'topic',
    value: `${base}/{kind}/2{/rest}`,
    selects: (topic) => topic === topics[1] || topic === topics[2],
  },
  { parameter: 'match', value: `${base}/nothing`, selects: () => false },
]

export function someSelectors(scheduler: Scheduler): Selector[] {
  return Array.from({ length: scheduler.pick([1, 1, 1, 2, 2, 3]) }, () => scheduler.pick(selectors))
}

export function someTopics(scheduler: Scheduler): string[] {
  const first = scheduler.pick(topics)
  return scheduler.chance(0.25) ? [...new Set([first, scheduler.pick(topics), scheduler.pick(topics)])] : [first]
}

/** What to put into a URL to subscribe to them. */
export function queryOf(selectors: readonly Selector[]): string {
  return selectors.map(({ parameter, value }) => `${parameter}=${encodeURIComponent(value)}`).join('&')
}
