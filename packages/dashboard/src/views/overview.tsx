import { useEffect, useMemo, useState } from 'preact/hooks'
import { goTo } from '../data/location.ts'
import { stats, statsState } from '../data/stats.ts'
import { useStore } from '../data/store.ts'
import { openTail } from '../data/tail.ts'
import { type FigureName, figureNames, type Notice, type Observed, type Range, type Series } from '../data/wire.ts'
import { bytes, count, duration, moment, rate } from '../format.ts'
import { Plot } from '../parts/plot.tsx'
import { EventList } from './event-list.tsx'
import { FirstSteps } from './first-steps.tsx'

const ranges: Readonly<Record<Range, string>> = { minute: 'a minute', hour: 'an hour', day: 'a day' }

/** Is it well, how much is going on, what is new. */
export function OverviewView() {
  const observed = useStore(stats)
  const [range, setRange] = useState<Range>('minute')
  const state = useStore(statsState)
  if (!observed || state.name === 'refused') {
    return state.name === 'refused' ? (
      <h1 class="hidden">Overview</h1>
    ) : (
      <p class="empty">Waiting for the hub's figures…</p>
    )
  }
  const plots = plotsOf(observed.series[range])
  return (
    <div class="view overview">
      <h1 class="hidden">Overview</h1>
      <Health observed={observed} />
      <FirstSteps />
      <Tiles observed={observed} />
      <section aria-labelledby="plots-title">
        <div class="toolbar">
          <h2 id="plots-title">Over {ranges[range]}</h2>
          <span class="spread" />
          <fieldset class="segments" aria-label="Time shown">
            {(Object.keys(ranges) as Range[]).map((each) => (
              <button key={each} type="button" aria-pressed={each === range} onClick={() => setRange(each)}>
                {each}
              </button>
            ))}
          </fieldset>
        </div>
        <div class="plots">
          {plots.map(({ title, ...plot }) => (
            <figure class="panel" key={title}>
              <figcaption>{title}</figcaption>
              <Plot label={`${title}, over ${ranges[range]}`} {...plot} />
            </figure>
          ))}
        </div>
      </section>
      <div class="thirds">
        <Newest />
        <Busiest observed={observed} />
      </div>
      <Notices notices={observed.notices} />
      <Facts observed={observed} />
    </div>
  )
}

/** One sentence: well, or what is not. */
function Health({ observed }: { observed: Observed }) {
  const state = useStore(statsState)
  const troubles = troublesOf(observed)
  const isStale = state.name === 'waiting'
  const tone = isStale ? 'wait' : troubles.length > 0 ? 'bad' : 'good'
  return (
    <section class={`health ${tone}`} aria-label="Is it well?">
      <span class="mark" aria-hidden="true">
        {tone === 'good' ? '✓' : '!'}
      </span>
      <div>
        <p class="verdict">
          {isStale
            ? 'The connection is lost: these are the last figures'
            : troubles.length === 0
              ? 'All is well'
              : troubles.join(' · ')}
        </p>
        <p class="quiet-text">
          Up for {duration(observed.at - observed.startedAt)} · {count(observed.history.count)} events kept ·{' '}
          {observed.threads === 1 ? 'one thread' : `${observed.threads} threads`}
          {observed.upstream && ` · ${observed.upstream.isConnected ? 'connected to' : 'lost'} its hub upstream`}
        </p>
      </div>
    </section>
  )
}

function troublesOf({ series, notices, totals, upstream, at }: Observed): string[] {
  const failed = sumOf(series.minute, 'failed')
  const lately = (kind: Notice['kind'], ms = 300_000) =>
    notices.some((notice) => notice.kind === kind && at - notice.at < ms)
  return [
    failed > 0 && `${count(failed)} requests failed in the last minute`,
    failed === 0 && lately('failed', 60_000) && !lately('recovered', 60_000) && 'Something failed in the last minute',
    lately('slow') && 'Subscribers that did not read were cut off',
    lately('gap') && 'Subscribers missed events that are gone',
    totals.lag > 10_000 && `A subscriber is ${count(totals.lag)} events behind`,
    upstream && !upstream.isConnected && 'The hub upstream is not reached',
  ].filter((trouble): trouble is string => typeof trouble === 'string')
}

function Tiles({ observed }: { observed: Observed }) {
  const { minute } = observed.series
  const { totals } = observed
  const latest = (name: FigureName) => minute.values[name].at(-1) ?? 0
  return (
    <section class="tiles" aria-label="How much is going on?">
      <Tile
        label="Published"
        value={rate(latest('published'))}
        unit="/s"
        series={minute}
        name="published"
        color="water"
        note={`${count(totals.published)} in all`}
      />
      <Tile
        label="Delivered"
        value={rate(latest('delivered'))}
        unit="/s"
        series={minute}
        name="delivered"
        color="stream"
        note={`${bytes(latest('deliveredBytes'))}/s, ${count(totals.delivered)} in all`}
      />
      <Tile
        label="Event streams"
        value={count(totals.subscribers)}
        series={minute}
        name="subscribers"
        color="water"
        note={`${count(totals.feeds)} selections`}
      />
      <Tile
        label="Lag of the slowest"
        value={count(totals.lag)}
        unit="events"
        series={minute}
        name="lag"
        color="wait"
        note={`${count(totals.behind)} behind, ${bytes(totals.unsentBytes)} unsent`}
      />
      <Tile
        label="Refused"
        value={count(sumOf(minute, 'refused'))}
        unit="/min"
        series={minute}
        name="refused"
        color="wait"
        note={`${count(totals.refused)} in all`}
      />
      <Tile
        label="Failed"
        value={count(sumOf(minute, 'failed'))}
        unit="/min"
        series={minute}
        name="failed"
        color="bad"
        note={`${count(totals.gaps)} gaps told in all`}
      />
    </section>
  )
}

interface TileProps {
  readonly label: string
  readonly value: string
  readonly unit?: string
  readonly note: string
  readonly series: Series
  readonly name: FigureName
  readonly color: string
}

function Tile({ label, value, unit, note, series, name, color }: TileProps) {
  return (
    <div class="panel tile" data-figure={name}>
      <div class="label">{label}</div>
      <div class="value">
        {value} {unit && <span class="unit">{unit}</span>}
      </div>
      <div class="note">{note}</div>
      <Plot
        label={`${label} over a minute`}
        times={timesOf(series)}
        lines={[{ label, color, values: series.values[name], format: count }]}
        height={34}
        isBare
      />
    </div>
  )
}

function plotsOf(given: Series) {
  const series = complete(given)
  const times = timesOf(series)
  const perSecond = (name: FigureName) =>
    series.values[name].map((value) => (value === null ? null : (value * 1000) / series.stepMs))
  const plain = (name: FigureName) => series.values[name]
  return [
    {
      title: 'Events a second',
      times,
      lines: [
        { label: 'delivered', color: 'stream', values: perSecond('delivered'), format: rate },
        { label: 'published', color: 'water', values: perSecond('published'), format: rate },
      ],
    },
    {
      title: 'Event streams open',
      times,
      lines: [{ label: 'open', color: 'water', values: plain('subscribers'), format: count }],
    },
    {
      title: 'Events that the slowest is behind',
      times,
      lines: [{ label: 'behind', color: 'wait', values: plain('lag'), format: count }],
      least: 10,
    },
    {
      title: 'Refused, failed, gaps',
      times,
      lines: [
        { label: 'refused', color: 'wait', values: plain('refused'), format: count },
        { label: 'failed', color: 'bad', values: plain('failed'), format: count },
        { label: 'gaps', color: 'stream', values: plain('gaps'), format: count },
      ],
      least: 4,
    },
  ]
}

/** Without the newest step if that is longer than a second: it is under way, and would look like a fall. */
function complete(series: Series): Series {
  if (series.stepMs <= 1000) return series
  const values = { ...series.values }
  for (const name of figureNames) values[name] = values[name].slice(0, -1)
  return { ...series, newestAt: series.newestAt - series.stepMs, values }
}

function timesOf({ stepMs, newestAt, values }: Series): readonly number[] {
  const { length } = values.published
  return Array.from({ length }, (_, index) => (newestAt - (length - 1 - index) * stepMs) / 1000)
}

function sumOf({ values }: Series, name: FigureName): number {
  return values[name].reduce<number>((sum, value) => sum + (value ?? 0), 0)
}

/** What is new: the newest events, vital signs left out. */
function Newest() {
  const tail = useMemo(() => openTail({ topic: '', hasVitals: false }), [])
  useEffect(() => () => tail.close(), [tail])
  const rows = useStore(tail.rows)
  return (
    <section class="panel newest" aria-labelledby="newest-title">
      <div class="toolbar">
        <h2 id="newest-title">What is new</h2>
        <span class="spread" />
        <button type="button" class="quiet" onClick={() => goTo({ view: 'events', topic: '', from: '' })}>
          All events
        </button>
      </div>
      {rows.length === 0 ? (
        <p class="empty">Nothing yet. Publish something, and it is here at once.</p>
      ) : (
        <EventList rows={rows.slice(0, 8)} topic="" />
      )}
    </section>
  )
}

const kinds: Readonly<Record<Notice['kind'], string>> = {
  refused: 'refused',
  failed: 'failed',
  gap: 'gap',
  slow: 'too slow',
  recovered: 'well again',
  trimmed: 'trimmed',
}

function Notices({ notices }: { notices: readonly Notice[] }) {
  return (
    <section class="panel" aria-labelledby="notices-title">
      <h2 id="notices-title">Refusals, gaps and failures</h2>
      {notices.length === 0 ? (
        <p class="empty">None since the hub was started.</p>
      ) : (
        <ol class="notices" tabIndex={0} aria-label="Refusals, gaps and failures, the newest first">
          {notices
            .slice(-50)
            .reverse()
            .map(({ id, at, kind, text, count: times, address }) => (
              <li key={id}>
                <span class={`badge ${kind}`}>{kinds[kind]}</span>
                <span class="text">
                  {text}
                  <span class="quiet-text">
                    {' '}
                    {moment(at)}
                    {address && ` · ${address}`}
                    {times > 1 && ` · ${count(times)} times`}
                  </span>
                </span>
              </li>
            ))}
        </ol>
      )}
    </section>
  )
}

function Busiest({ observed }: { observed: Observed }) {
  const { busiest } = observed.topics
  return (
    <section class="panel" aria-labelledby="busiest-title">
      <h2 id="busiest-title">Busiest topics</h2>
      {busiest.length === 0 ? (
        <p class="empty">Nothing was published yet.</p>
      ) : (
        <ol class="busiest">
          {busiest.slice(0, 8).map(({ topic, perMinute }) => (
            <li key={topic}>
              <button type="button" class="link" onClick={() => goTo({ view: 'events', topic, from: '' })}>
                {topic}
              </button>
              <span class="figure">{rate(perMinute)} /min</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  )
}

function Facts({ observed: { nodes, history, totals } }: { observed: Observed }) {
  return (
    <section class="facts quiet-text" aria-label="The hub">
      <span>
        History <code>{history.epoch}</code>, newest position {count(history.head)}
      </span>
      {nodes && (
        <span>
          This node <code>{nodes.self}</code>;{' '}
          {nodes.alive ? `${nodes.alive.length} alive: ${nodes.alive.join(', ')}` : 'the others are not known now'}
        </span>
      )}
      {totals.replicas > 0 && <span>{count(totals.replicas)} hubs copy this one</span>}
      <span>
        A hidden tab of this page holds no connection: over HTTP/1.1 a browser opens six to a host, and a seventh tab
        would stay white.
      </span>
    </section>
  )
}
