import { observeUrl } from './hub.ts'
import { type LiveState, openLive } from './live.ts'
import { createStore } from './store.ts'
import { type FigureName, figureNames, type Notice, type Observed, type Range, type Series } from './wire.ts'

/** The hub's figures, as of the newest step; `undefined` before the first. */
export const stats = createStore<Observed | undefined>(undefined)
export const statsState = createStore<LiveState>({ name: 'connecting' })

/** How much of each series the page keeps. */
const steps: Readonly<Record<Range, number>> = { minute: 60, hour: 360, day: 288 }
const maxNotices = 200

/** Follows the figures until the returned function is called. */
export function followStats(): () => void {
  return openLive({
    url: () => observeUrl('stats/stream'),
    onState: statsState.set,
    onEvent({ type, data }) {
      if (type !== 'snapshot' && type !== 'step') return
      const read = JSON.parse(data) as Observed
      const before = stats.get()
      stats.set(type === 'step' && before ? merge(before, read) : read)
    },
  })
}

function merge(before: Observed, step: Observed): Observed {
  const series = { ...before.series }
  for (const range of ['minute', 'hour', 'day'] as const) {
    series[range] = append(before.series[range], step.series[range], steps[range])
  }
  return { ...step, series, notices: mergeNotices(before.notices, step.notices) }
}

/** The newest steps replace the same ones of before: the last of them may have been under way. */
function append(before: Series, fresh: Series, most: number): Series {
  const { stepMs, newestAt } = fresh
  const values = {} as Record<FigureName, (number | null)[]>
  for (const name of figureNames) {
    const at = (series: Series, time: number) => {
      const list = series.values[name]
      return list[list.length - 1 - (series.newestAt - time) / stepMs]
    }
    values[name] = Array.from({ length: most }, (_, index) => {
      const time = newestAt - (most - 1 - index) * stepMs
      return at(fresh, time) ?? at(before, time) ?? null
    })
  }
  return { stepMs, newestAt, values }
}

function mergeNotices(before: readonly Notice[], fresh: readonly Notice[]): readonly Notice[] {
  if (fresh.length === 0) return before
  const ids = new Set(fresh.map(({ id }) => id))
  return [...before.filter(({ id }) => !ids.has(id)), ...fresh].slice(-maxNotices)
}
