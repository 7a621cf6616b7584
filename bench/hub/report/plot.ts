import type { TopLevelSpec } from 'vega-lite'
import { svgOf } from '../../svg-of.ts'
import { medianOf, type Results } from './results.ts'

/** The panels of the plot: the most significant measure of each scenario; small is good. */
const panels = [
  ['burst-1', 'cpuUsPerDelivery', 'burst, 1 publisher: CPU µs per delivery'],
  ['burst-16', 'cpuUsPerDelivery', 'burst, 16 publishers: CPU µs per delivery'],
  ['paced', 'cpuUsPerDelivery', 'paced: CPU µs per delivery'],
  ['paced', 'p99Ms', 'paced: p99 latency, ms'],
  ['wide', 'cpuUsPerDelivery', 'wide: CPU µs per delivery'],
  ['crowd-50', 'cpuUsPerDelivery', 'crowd of 50, paced: CPU µs per delivery'],
  ['crowd-50', 'p99Ms', 'crowd of 50, paced: p99 latency, ms'],
  ['crowd-50-fast', 'cpuUsPerDelivery', 'crowd of 50, as acknowledged: CPU µs per delivery'],
  ['topics', 'cpuUsPerPublish', 'topics: CPU µs per publish'],
  ['garbage', 'allocatedPerPublish', 'topics: bytes allocated per publish'],
  ['idle', 'bytesPerConnection', 'idle: bytes per connection'],
  ['idle', 'cpuUsPerHeartbeat', 'idle: CPU µs per heartbeat'],
  ['storm', 'seconds', 'storm: seconds until all are caught up'],
  ['slow', 'p99WithMs', 'slow: p99 latency of the live ones, ms'],
  ['publish-64', 'cpuUsPerPublish', 'publish, 64 publishers: CPU µs per event'],
] as const

/** The medians as an SVG of small bar charts, one for each panel with measures. */
export async function plotOf({ trials }: Results): Promise<string> {
  const names = [...new Set(trials.map((trial) => trial.peer))]
  const charts = panels.flatMap(([scenario, measure, title]) => {
    const bars = names.flatMap((peer) => {
      const value = medianOf(trials, { scenario, peer, measure })
      return value === undefined || !Number.isFinite(value)
        ? []
        : [{ peer, value, label: Number(value.toPrecision(3)).toLocaleString('en') }]
    })
    return bars.length > 0 ? [chartOf(title, bars)] : []
  })
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    columns: 2,
    concat: charts,
  }
  return `${await svgOf(spec)}\n`
}

function chartOf(title: string, bars: readonly { peer: string; value: number; label: string }[]) {
  const most = Math.max(...bars.map(({ value }) => value))
  return {
    title: { text: title, anchor: 'start', fontSize: 12 },
    width: 320,
    height: { step: 18 },
    data: { values: [...bars] },
    encoding: {
      y: { field: 'peer', type: 'nominal', title: null, sort: null },
      x: {
        field: 'value',
        type: 'quantitative',
        title: null,
        // Room for the number next to the longest bar.
        scale: { domain: [0, most * 1.15] },
        axis: { grid: false, tickCount: 4 },
      },
    },
    layer: [
      {
        mark: 'bar',
        encoding: {
          color: { condition: { test: "indexof(datum.peer, 'hub') === 0", value: '#1f6feb' }, value: '#9aa4b2' },
        },
      },
      {
        mark: { type: 'text', align: 'left', dx: 3, fontSize: 10 },
        encoding: { text: { field: 'label', type: 'nominal' } },
      },
    ],
  } satisfies ConcatChart
}

type ConcatChart = Extract<TopLevelSpec, { concat: unknown }>['concat'][number]
