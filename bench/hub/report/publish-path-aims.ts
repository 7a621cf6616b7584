import type { Aim } from './aims.ts'

/**
 * What a publish may cost compared with nchan and the naive loop in the same run, on the way from
 * the publisher to the subscribers.
 */
export const publishPathAims: readonly Aim[] = [
  {
    scenario: 'topics',
    peer: 'hub-memory',
    measure: 'cpuUsPerPublish',
    title: 'CPU per publish, `memory:` / naive loop',
    by: { peer: 'naive' },
    limit: { atMost: 1 },
  },
  {
    scenario: 'topics',
    measure: 'cpuUsPerPublish',
    title: 'CPU per publish, durable / nchan',
    by: { peer: 'nchan' },
    limit: { atMost: 2.5 },
  },
  ...['hub-memory', 'hub'].map(
    (peer): Aim => ({
      scenario: 'garbage',
      peer,
      measure: 'allocatedPerPublish',
      title: `bytes allocated per publish, ${storeOf(peer)}`,
      limit: { atMost: 4000 },
    }),
  ),
  {
    scenario: 'crowd-50',
    peer: 'hub-memory',
    measure: 'cpuUsPerDelivery',
    title: 'CPU per delivery, `memory:` / naive loop',
    by: { peer: 'naive' },
    limit: { atMost: 0.9 },
  },
  {
    scenario: 'crowd-50',
    measure: 'cpuUsPerDelivery',
    title: 'CPU per delivery, durable / naive loop',
    by: { peer: 'naive' },
    limit: { atMost: 1.2 },
  },
  {
    scenario: 'crowd-50',
    measure: 'p50Ms',
    title: 'p50 latency, durable / nchan',
    by: { peer: 'nchan' },
    limit: { atMost: 1.5 },
  },
  {
    scenario: 'crowd-50',
    peer: 'hub-memory',
    measure: 'p99Ms',
    title: 'p99 latency, `memory:` / nchan',
    by: { peer: 'nchan' },
    limit: { atMost: 2 },
  },
  {
    scenario: 'crowd-50',
    measure: 'p99Ms',
    title: 'p99 latency, durable / nchan',
    by: { peer: 'nchan' },
    limit: { atMost: 3.5 },
  },
  {
    scenario: 'crowd-50-fast',
    measure: 'cpuUsPerDelivery',
    title: 'CPU per delivery, durable / naive loop',
    by: { peer: 'naive' },
    limit: { atMost: 1 },
  },
  {
    scenario: 'publish-64',
    measure: 'publishesPerSecond',
    title: 'acknowledged events/s, durable / nchan',
    by: { peer: 'nchan' },
    limit: { atLeast: 0.45 },
  },
]

function storeOf(peer: string): string {
  return peer === 'hub' ? 'durable' : '`memory:`'
}
