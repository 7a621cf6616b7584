import { parse, View } from 'vega'
import { compile, type TopLevelSpec } from 'vega-lite'
import { medianOf, type Results } from './results.ts'

interface Bar {
  readonly panel: string
  readonly peer: string
  readonly value: number
}

/** What is drawn: of each scenario the one measure that says most, small is good. */
const panels = [
  ['burst-1', 'cpuUsPerDelivery', 'burst, 1 publisher: CPU µs per delivery'],
  ['burst-16', 'cpuUsPerDelivery', 'burst, 16 publishers: CPU µs per delivery'],
  ['paced', 'cpuUsPerDelivery', 'paced: CPU µs per delivery'],
  ['paced', 'p99Ms', 'paced: p99 latency, ms'],
  ['wide', 'cpuUsPerDelivery', 'wide: CPU µs per delivery'],
  ['topics', 'cpuUsPerPublish', 'topics: CPU µs per publish'],
  ['idle', 'bytesPerConnection', 'idle: bytes per connection'],
  ['idle', 'cpuUsPerHeartbeat', 'idle: CPU µs per heartbeat'],
  ['storm', 'seconds', 'storm: seconds until all are caught up'],
  ['slow', 'p99WithMs', 'slow: p99 latency of the live ones, ms'],
  ['publish-64', 'cpuUsPerPublish', 'publish, 64 publishers: CPU µs per event'],
] as const

/** The medians as an SVG of small bar charts, one for each scenario. */
export async function plotOf(results: Results): Promise<string> {
  const names = [...new Set(results.trials.map((trial) => trial.peer))]
  const bars: Bar[] = panels.flatMap(([scenario, measure, panel]) =>
    names.flatMap((peer) => {
      const value = medianOf(results.trials, { scenario, peer, measure })
      return value === undefined || !Number.isFinite(value) ? [] : [{ panel, peer, value }]
    }),
  )
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    data: { values: bars },
    facet: { field: 'panel', type: 'nominal', title: null, sort: panels.map(([, , panel]) => panel) },
    columns: 2,
    spec: {
      width: 320,
      height: { step: 18 },
      encoding: {
        y: { field: 'peer', type: 'nominal', title: null, sort: names },
        x: { field: 'value', type: 'quantitative', title: null, axis: { grid: false, tickCount: 4 } },
      },
      layer: [
        {
          mark: 'bar',
          encoding: {
            color: {
              condition: { test: "indexof(datum.peer, 'hub') === 0", value: '#1f6feb' },
              value: '#9aa4b2',
            },
          },
        },
        {
          mark: { type: 'text', align: 'left', dx: 3, fontSize: 10 },
          encoding: { text: { field: 'value', type: 'quantitative', format: '.3~s' } },
        },
      ],
    },
    resolve: { scale: { x: 'independent', y: 'independent' } },
  }
  const view = new View(parse(compile(spec).spec), { renderer: 'none' })
  const svg = await view.toSVG()
  view.finalize()
  return `${svg}\n`
}
