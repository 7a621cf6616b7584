import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import { useStore } from '../data/store.ts'
import { clock, compactCount } from '../format.ts'
import { shade } from '../theme.ts'

export interface Line {
  readonly label: string
  /** The name of a CSS variable. */
  readonly color: string
  readonly values: readonly (number | null)[]
  readonly format: (value: number) => string
}

interface PlotProps {
  /** What is plotted, for who cannot see it. */
  readonly label: string
  /** In seconds since 1970. */
  readonly times: readonly number[]
  readonly lines: readonly Line[]
  /** The least maximum of the axis. */
  readonly least?: number
  readonly height?: number
  /** Without axes and legend: a line beside a figure. */
  readonly isBare?: boolean
}

/** Lines over time, with what they come to: now, or where the pointer is. */
export function Plot({ label, times, lines, least = 1, height = 160, isBare = false }: PlotProps) {
  const holder = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | undefined>(undefined)
  const [pointed, setPointed] = useState<number | undefined>(undefined)
  const colors = useStore(shade)
  const shape = `${colors} ${isBare} ${height} ${least} ${lines.map(({ label, color }) => label + color).join()}`

  // Made anew when its shape changes, and else given new data.
  useEffect(() => {
    const element = holder.current!
    const options = optionsOf(element, { lines, least, height, isBare, onPoint: setPointed })
    const made = new uPlot(options, [[], ...lines.map(() => [])], element)
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
    }
  }, [shape])

  useEffect(() => {
    plot.current?.setData([times as number[], ...lines.map(({ values }) => values as number[])])
  })

  return (
    <>
      {!isBare && (
        <div class="legend">
          {(lines.length > 1 || pointed !== undefined ? lines : []).map(({ label, color, values, format }) => {
            const value = pointed === undefined ? values.findLast((each) => each !== null) : values[pointed]
            return (
              <span key={label}>
                <span class={`swatch ${color}`} aria-hidden="true" />
                {label} <b>{value === null || value === undefined ? '–' : format(value)}</b>
              </span>
            )
          })}
          {pointed !== undefined && times[pointed] !== undefined && (
            <span class="at">{clock(times[pointed] * 1000, { millis: false })}</span>
          )}
        </div>
      )}
      <div class="plot" ref={holder} role="img" aria-label={label} style={{ height: `${height}px` }} />
    </>
  )
}

/** Steps of an axis of counts: there is no half event. */
const wholeSteps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7, 1e8]

interface Shape {
  readonly lines: readonly Line[]
  readonly least: number
  readonly height: number
  readonly isBare: boolean
  readonly onPoint: (index: number | undefined) => void
}

function optionsOf(element: HTMLElement, { lines, least, height, isBare, onPoint }: Shape): uPlot.Options {
  const css = getComputedStyle(document.documentElement)
  const color = (name: string) => css.getPropertyValue(`--${name}`).trim()
  const axis: uPlot.Axis = {
    show: !isBare,
    stroke: color('quiet'),
    grid: { stroke: color('line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
  }
  return {
    width: Math.max(60, element.clientWidth),
    height,
    padding: isBare ? [2, 0, 2, 0] : [6, 26, 0, 0],
    cursor: { show: !isBare, y: false, points: { size: 7 }, drag: { x: false, y: false } },
    legend: { show: false },
    hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? undefined)] },
    scales: {
      x: { time: true },
      y: { range: (_plot, _min, max) => [0, Math.max(least, (max ?? 0) * 1.12)] },
    },
    axes: [
      {
        ...axis,
        size: 24,
        space: 76,
        grid: { show: false },
        values: (_plot, times, _axis, _space, step) =>
          times.map((time) => clock(time * 1000, { millis: false }).slice(0, step < 60 ? 8 : 5)),
      },
      { ...axis, size: 42, space: 34, incrs: wholeSteps, values: (_plot, values) => values.map(compactCount) },
    ],
    series: [
      {},
      ...lines.map(({ label, color: name }) => ({
        label,
        stroke: color(name),
        fill: `${color(name)}1f`,
        width: 1.5,
        points: { show: false },
        spanGaps: false,
      })),
    ],
  }
}
