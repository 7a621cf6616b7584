import type { TopLevelSpec } from 'vega-lite'
import { svgOf } from '../svg-of.ts'
import type { Sample } from './sampler.ts'
import type { SoakResult } from './soak.ts'

/** The panels of the plot, over the minutes. Each has an axis of its own. */
const panels: readonly Panel[] = [
  {
    title: 'Memory of the hub, MB (dots: right after garbage was collected)',
    lines: {
      'resident (RSS)': ({ rss }) => rss / 1e6,
      'heap used': ({ heapUsed }) => heapUsed / 1e6,
      'outside of the heap': ({ external }) => external / 1e6,
    },
    points: { 'heap used': ({ heapUsed }) => heapUsed / 1e6 },
  },
  { title: 'Store on disk, MB', lines: { 'store on disk': ({ storeBytes }) => storeBytes / 1e6 } },
  {
    title: 'Open at once, count',
    lines: {
      connections: (sample) => sample.connections,
      'open files': (sample) => sample.openFiles,
      feeds: (sample) => sample.feeds,
    },
  },
]

interface Panel {
  readonly title: string
  readonly lines: Readonly<Record<string, (sample: Sample) => number>>
  /** Drawn where garbage was collected right before. */
  readonly points?: Readonly<Record<string, (sample: Sample) => number>>
}

/** An SVG that is readable on a light and on a dark page. */
export async function plotOf({ samples, options }: Pick<SoakResult, 'samples' | 'options'>): Promise<string> {
  const spec: TopLevelSpec = {
    $schema: 'https://vega.github.io/schema/vega-lite/v6.json',
    background: 'white',
    padding: 12,
    vconcat: panels.map((panel, index) => chartOf(panel, samples, options.warmUpSeconds / 60, index)),
    resolve: { scale: { color: 'independent' } },
    config: { font: 'system-ui, sans-serif', view: { stroke: null }, axis: { domain: false } },
  }
  const svg = await svgOf(spec)
  return `${svg.replace(/(<svg[^>]*>)/, `$1${darkStyle}`)}\n`
}

const darkStyle =
  '<style>@media (prefers-color-scheme: dark) { svg > rect { fill: #161b22 } text { fill: #c9d1d9 } .role-axis-grid line, .role-axis-tick line { stroke: #30363d } }</style>'

/** Colors that people who cannot see red or green can tell apart, on white and on black. */
const colors = ['#1f77d0', '#e07b00', '#8a63d2']

function chartOf(
  { title, lines, points = {} }: Panel,
  samples: readonly Sample[],
  warmUpMinutes: number,
  index: number,
) {
  const valuesOf = (what: Panel['lines'], drawn: readonly Sample[]) =>
    Object.entries(what).flatMap(([name, of]) =>
      drawn.map((sample) => ({ minute: sample.at / 60, name, value: of(sample) })),
    )
  return {
    title: { text: title, anchor: 'start' as const, fontSize: 12 },
    width: 640,
    height: index === 0 ? 220 : 100,
    encoding: {
      x: {
        field: 'minute',
        type: 'quantitative' as const,
        title: 'minutes since the load began',
        axis: { grid: false },
        scale: { nice: false },
      },
      y: { type: 'quantitative' as const, title: null, scale: { zero: true } },
      color: {
        field: 'name',
        type: 'nominal' as const,
        title: null,
        scale: { domain: Object.keys(lines), range: colors },
        legend: { orient: 'right' as const },
      },
    },
    layer: [
      {
        data: { values: valuesOf(lines, samples) },
        mark: { type: 'line' as const, strokeWidth: 1.5, clip: true },
        encoding: { y: { field: 'value', type: 'quantitative' as const } },
      },
      {
        data: {
          values: valuesOf(
            points,
            samples.filter(({ isCollected }) => isCollected),
          ),
        },
        mark: { type: 'point' as const, filled: true, size: 40, opacity: 1 },
        encoding: { y: { field: 'value', type: 'quantitative' as const } },
      },
      {
        data: { values: [{ minute: warmUpMinutes }] },
        mark: { type: 'rule' as const, strokeDash: [4, 4], color: '#8b949e' },
        encoding: { color: { value: '#8b949e' } },
      },
      {
        data: { values: index === 0 ? [{ minute: warmUpMinutes, label: 'judged from here on' }] : [] },
        mark: { type: 'text' as const, align: 'left' as const, dx: 4, dy: 8, fontSize: 10 },
        encoding: {
          y: { value: 0 },
          text: { field: 'label', type: 'nominal' as const },
          color: { value: '#57606a' },
        },
      },
    ],
  }
}
