import { cutColumns, fitColumns, shownText } from '../terminal/columns.ts'
import { bytesText, countText, durationText, rateText } from '../terminal/number-text.ts'
import type { Paint } from '../terminal/paint.ts'
import { timeOf } from '../terminal/time-text.ts'
import type { TopState } from './top-state.ts'

export interface Screen {
  readonly columns: number
  /** `Infinity` for a report, which has as many lines as it needs. */
  readonly rows: number
  readonly paint: Paint
  readonly now: number
  /** Where the hub is. */
  readonly place: string
  /** Whether keys are read, so that the last line says which. */
  readonly hasKeys: boolean
}

/** How many rows of a table a report has. */
const reportRows = 15
/** Below so many columns, tables have fewer; below the other, there are none. */
const narrow = 64
const tiny = 32

/** The lines of the screen; each fits into its columns. */
export function topScreen(state: TopState, screen: Screen): readonly string[] {
  const head = headOf(state, screen)
  const foot = footOf(state, screen)
  const room = screen.rows - head.length - foot.length
  if (room < 4 || screen.columns < tiny) return [...head.slice(0, Math.max(1, screen.rows - foot.length)), ...foot]
  const isReport = screen.rows === Infinity
  const topics = state.sortedTopics()
  const subscribers = state.sortedSubscribers()
  // Each table has a title, a head and a blank line. What one does not need, the other gets.
  const rows = isReport ? 2 * reportRows : Math.max(0, room - 6)
  const half = Math.floor(rows / 2)
  const topicRows = Math.min(topics.length, isReport ? reportRows : Math.max(half, rows - subscribers.length))
  const subscriberRows = Math.min(subscribers.length, isReport ? reportRows : rows - topicRows)
  const tables = [
    ...topicTable(state, topics.slice(0, topicRows), screen),
    ...subscriberTable(state, subscribers.slice(0, subscriberRows), screen),
  ]
  const filled = isReport ? tables : [...tables, ...Array<string>(Math.max(0, room)).fill('')].slice(0, room)
  return [...head, ...filled, ...foot]
}

function headOf(state: TopState, { columns, paint, now, place, hasKeys }: Screen): string[] {
  const { observed, totals, trouble, isPaused } = state
  const { startedAt, threads, history, nodes, upstream } = observed
  const status = trouble ?? (isPaused ? 'paused' : hasKeys ? 'live' : '')
  const up = `up ${durationText(observed.at - startedAt)}`
  const facts = [
    place,
    up,
    ...(threads > 1 ? [`${threads} threads`] : []),
    ...(nodes ? [`node ${nodes.self.slice(0, 8)}`] : []),
  ]
  const name = columns >= narrow ? 'headwater top  ' : ''
  const title = cutColumns(`${name}${facts.join('  ')}`, columns - (status ? status.length + 2 : 0))
  const style = trouble ? 'bad' : isPaused ? 'warning' : 'good'
  const shownStatus = status ? `  ${paint(style, cutColumns(status, Math.max(0, columns - title.length - 2)))}` : ''
  const lines = [
    `${paint('strong', title)}${shownStatus}`,
    ...flow(
      [
        `published ${rateText(state.rate('published'))}/s`,
        `delivered ${rateText(state.rate('delivered'))}/s`,
        `${bytesText(state.rate('deliveredBytes'))}/s`,
        `subscribers ${countText(totals.subscribers)}`,
        `behind ${countText(totals.behind)}`,
        `lag ${countText(totals.lag)}`,
        `refused ${countText(totals.refused)}`,
        `failed ${countText(totals.failed)}`,
        `gaps ${countText(totals.gaps)}`,
        `unsent ${bytesText(totals.unsentBytes)}`,
        `kept ${countText(history.count)} events`,
        ...(upstream ? [upstream.isConnected ? `upstream ${upstream.behind ?? '?'} behind` : 'upstream lost'] : []),
      ],
      columns,
    ),
  ]
  const figure = totals.subscribers > 0 ? 'delivered' : 'published'
  const label = ` ${figure}, last minute`
  const hasLabel = columns >= label.length + 10
  const plot = sparkline(state.series(figure), Math.min(60, hasLabel ? columns - label.length : columns))
  const age = now - observed.at
  const stale =
    trouble && age > 3000 ? [paint('warning', cutColumns(`figures of ${durationText(age)} ago`, columns))] : []
  return [...lines, hasLabel ? `${paint('good', plot)}${paint('faint', label)}` : plot, ...stale, '']
}

/** Words with two blanks between them, in as many lines as they need. */
function flow(words: readonly string[], columns: number): string[] {
  const lines: string[] = []
  for (const word of words) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 2 + word.length <= columns) lines[lines.length - 1] = `${last}  ${word}`
    else lines.push(cutColumns(word, columns))
  }
  return lines
}

const bars = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']

/** The newest values as bars, the largest of which is full. */
function sparkline(values: readonly (number | null)[], columns: number): string {
  const shown = values.slice(-columns)
  const most = Math.max(...shown.map((value) => value ?? 0))
  return shown
    .map((value) => {
      if (value === null) return ' '
      return most === 0 ? bars[0] : bars[Math.min(7, Math.ceil((value / most) * 7))]
    })
    .join('')
}

function topicTable(
  state: TopState,
  rows: ReturnType<TopState['sortedTopics']>,
  { columns, paint, now }: Screen,
): string[] {
  const { counted, isPartial } = state.observed.topics
  const title = `Topics (${countText(counted)}${isPartial ? ' and more' : ''}, by ${state.topicOrder})`
  const isWide = columns >= narrow
  const [rate, total, last] = [9, isWide ? 10 : 0, 9]
  const name = columns - rate - total - last
  const heading = `${fitColumns('topic', name)}${fitColumns('per min', rate, 'right')}${fitColumns('events', total, 'right')}${fitColumns('newest', last, 'right')}`
  return [
    paint('strong', cutColumns(title, columns)),
    paint('faint', cutColumns(heading, columns)),
    ...rows.map(({ topic, perMinute, events, lastAt }) => {
      const shown = fitColumns(shownText(topic, { lines: false }), name - 1)
      const figures = `${fitColumns(rateText(perMinute), rate, 'right')}${fitColumns(countText(events), total, 'right')}`
      return `${paint.named(topic, shown)} ${figures}${fitColumns(ageText(now - lastAt), last, 'right')}`
    }),
    ...(rows.length === 0 ? [paint('faint', 'nothing was published yet')] : []),
    '',
  ]
}

function subscriberTable(
  state: TopState,
  rows: ReturnType<TopState['sortedSubscribers']>,
  { columns, paint, now }: Screen,
): string[] {
  const { total } = state.subscribers
  const title = `Subscribers (${countText(total)}, by ${state.subscriberOrder})`
  const isWide = columns >= narrow
  const [address, behind, unsent, since] = [isWide ? 22 : 16, 9, isWide ? 10 : 0, isWide ? 9 : 0]
  const topics = Math.max(0, columns - address - behind - unsent - since - 1)
  const heading = `${fitColumns('address', address)}${fitColumns('behind', behind, 'right')}${fitColumns('unsent', unsent, 'right')}${fitColumns('for', since, 'right')} topics`
  return [
    paint('strong', cutColumns(title, columns)),
    paint('faint', cutColumns(heading, columns)),
    ...rows.map((subscriber) => {
      const { lagEvents, unsentBytes, selectors, selectorCount, isCatchingUp } = subscriber
      const lag = fitColumns(countText(lagEvents), behind, 'right')
      const more = selectorCount > selectors.length ? ` and ${selectorCount - selectors.length} more` : ''
      const names = shownText(selectors.map(({ match }) => match).join(', '), { lines: false })
      const shownLag = lagEvents === 0 ? lag : paint(isCatchingUp ? 'warning' : 'bad', lag)
      const figures = `${fitColumns(bytesText(unsentBytes), unsent, 'right')}${fitColumns(durationText(now - subscriber.since), since, 'right')}`
      return `${fitColumns(subscriber.address, address)}${shownLag}${figures} ${cutColumns(`${names}${more}`, topics)}`
    }),
    ...(rows.length === 0 ? [paint('faint', 'nobody is subscribed')] : []),
    '',
  ]
}

function footOf(state: TopState, { columns, rows, paint, hasKeys }: Screen): string[] {
  const newest = state.observed.notices.slice(rows < 20 ? -1 : -3)
  const notices = newest.map(({ at, text, count, kind }) => {
    const line = `${timeOf(at).slice(11)} ${shownText(text, { lines: false })}${count > 1 ? ` (${count} times)` : ''}`
    return paint(kind === 'recovered' ? 'good' : 'warning', cutColumns(line, columns))
  })
  if (!hasKeys) return notices
  const keys =
    columns >= narrow ? 'q quit   t order of topics   s order of subscribers   p pause' : 'q quit  t, s order  p pause'
  return [...notices, paint('faint', cutColumns(keys, columns))]
}

function ageText(ms: number): string {
  return ms < 2000 ? 'now' : durationText(ms)
}
