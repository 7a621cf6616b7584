import { useEffect, useState } from 'preact/hooks'
import { hubUrl } from '../data/hub.ts'
import { type LiveState, openLive } from '../data/live.ts'
import { subscribeWithCurl } from '../data/snippets.ts'
import { Copy } from '../parts/copy.tsx'
import { Plot } from '../parts/plot.tsx'
import { useDone } from './first-steps.tsx'

/** One reading of `headwater vitals`, as sent in an event's data. */
interface Vitals {
  readonly at: number
  readonly host: string
  readonly cpuCount: number
  readonly cpu: number
  readonly load1: number
  readonly memoryUsedBytes: number
  readonly memoryTotalBytes: number
  readonly eventLoopDelayP50Ms: number
  readonly eventLoopDelayP99Ms: number
}

/** How far back the plots go. */
const seconds = 120

/** A stream that anyone understands: this machine, each second. An ordinary subscription, without any right of operators. */
export function VitalsView() {
  const [readings, setReadings] = useState<readonly Vitals[]>([])
  const [state, setState] = useState<LiveState>({ name: 'connecting' })
  const latest = readings.at(-1)
  useDone('watched', latest !== undefined)
  useEffect(
    () =>
      openLive({
        url(lastEventId) {
          const url = new URL(hubUrl)
          url.searchParams.set('match', 'vitals')
          if (lastEventId === '') url.searchParams.set('last_event_id', `-${seconds}`)
          return url
        },
        onState: setState,
        onEvent({ type, data }) {
          const reading = type === 'vitals' && readVitals(data)
          if (reading)
            setReadings((before) => [...before, reading].filter(({ at }) => at > reading.at - seconds * 1000))
        },
      }),
    [],
  )
  return (
    <div class="view">
      <div class="toolbar">
        <h1>Vital signs</h1>
        <span class="spread" />
        <Copy text={() => subscribeWithCurl('vitals')}>Copy as curl</Copy>
      </div>
      <p class="quiet-text intro">
        {latest ? `${latest.host} publishes these` : '`headwater vitals` publishes these'} to the topic{' '}
        <code>vitals</code> each second, and this page is one of its subscribers. Unplug it: the line breaks, and heals
        when what was missed arrives.
      </p>
      {latest ? (
        <div class="plots">
          {charts(latest).map(({ title, value, note, of, least, format }) => (
            <figure class="panel vital" key={title}>
              <figcaption>{title}</figcaption>
              <div class="value">{value}</div>
              <div class="note">{note}</div>
              <Plot
                label={`${title}, over two minutes`}
                {...lineOf(readings, { title, of, format })}
                least={least}
                height={130}
              />
            </figure>
          ))}
        </div>
      ) : (
        <p class="empty">
          {state.name === 'refused' ? (
            state.refusal.message
          ) : (
            <>
              No readings yet. Start them: <code>npx headwater vitals --hub {location.origin}</code>
            </>
          )}
        </p>
      )}
    </div>
  )
}

/** Anyone may publish an event of type `vitals`. Only valid readings are drawn. */
function readVitals(data: string): Vitals | undefined {
  try {
    const vitals = JSON.parse(data) as Vitals
    const numbers = [vitals.at, vitals.cpu, vitals.load1, vitals.memoryUsedBytes, vitals.memoryTotalBytes]
    const isReading = [...numbers, vitals.eventLoopDelayP50Ms, vitals.eventLoopDelayP99Ms, vitals.cpuCount].every(
      Number.isFinite,
    )
    return isReading ? vitals : undefined
  } catch {
    return undefined
  }
}

const gibibytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`

function charts(latest: Vitals) {
  const { cpu, cpuCount, load1, memoryUsedBytes, memoryTotalBytes, eventLoopDelayP99Ms, eventLoopDelayP50Ms } = latest
  return [
    {
      title: 'Processors',
      value: `${Math.round(cpu * 100)} %`,
      note: `${cpuCount} cores`,
      of: (reading: Vitals) => reading.cpu * 100,
      least: 100,
      format: (value: number) => `${Math.round(value)} %`,
    },
    {
      title: 'Load over a minute',
      value: load1.toFixed(2),
      note: `${(load1 / cpuCount).toFixed(2)} per core`,
      of: (reading: Vitals) => reading.load1,
      least: cpuCount,
      format: (value: number) => value.toFixed(1),
    },
    {
      title: 'Memory in use',
      value: gibibytes(memoryUsedBytes),
      note: `of ${gibibytes(memoryTotalBytes)}`,
      of: (reading: Vitals) => reading.memoryUsedBytes / 2 ** 30,
      least: memoryTotalBytes / 2 ** 30,
      format: (value: number) => value.toFixed(1),
    },
    {
      title: 'Event-loop delay',
      value: `${eventLoopDelayP99Ms.toFixed(1)} ms`,
      note: `99th percentile; median ${eventLoopDelayP50Ms.toFixed(1)} ms`,
      of: (reading: Vitals) => reading.eventLoopDelayP99Ms,
      least: 5,
      format: (value: number) => `${value.toFixed(0)} ms`,
    },
  ]
}

/** Readings come a second apart. If some are missing, the line is interrupted. */
function lineOf(
  readings: readonly Vitals[],
  { title, of, format }: { title: string; of: (reading: Vitals) => number; format: (value: number) => string },
) {
  const times: number[] = []
  const values: (number | null)[] = []
  for (const reading of readings) {
    const before = times.at(-1)
    if (before !== undefined && reading.at / 1000 - before > 2.5) {
      times.push(before + 1)
      values.push(null)
    }
    times.push(reading.at / 1000)
    values.push(of(reading))
  }
  return { times, lines: [{ label: title, color: 'water', values, format }] }
}
