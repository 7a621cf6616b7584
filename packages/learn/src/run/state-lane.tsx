import { useEffect, useState } from 'preact/hooks'
import { useTexts } from '../texts/texts.ts'
import type { StateChange } from './entry.ts'

/**
 * `readyState` over time, from left to right. Its last part grows while the object is not CLOSED.
 */
export function StateLane({
  states,
  startedAt,
}: {
  readonly states: readonly StateChange[]
  readonly startedAt: number
}) {
  const texts = useTexts()
  const current = states.at(-1)
  const isLive = current !== undefined && current.readyState !== 2
  const now = useNow(isLive)
  const end = isLive ? Math.max(now, current.at) : (current?.at ?? startedAt) + 400
  const parts = states.map(({ at, readyState }, index) => {
    const ms = Math.max(1, (states[index + 1]?.at ?? end) - at)
    return { at, readyState, ms, text: `${readyState} ${stateNames[readyState]} ${(ms / 1000).toFixed(1)} s` }
  })
  const name = current ? stateNames[current.readyState] : texts.run.notStarted
  return (
    <div class="lane">
      <p class="state" data-state={current?.readyState}>
        <span class="dot" aria-hidden="true" />
        <code>readyState {current?.readyState ?? '–'}</code> <strong>{name}</strong>
      </p>
      <div class="bar" role="img" aria-label={`readyState: ${parts.map(({ text }) => text).join(', ') || name}`}>
        {parts.map(({ at, readyState, ms, text }) => (
          <span key={`${at} ${readyState}`} data-state={readyState} style={{ flexGrow: ms }} title={text}>
            {ms / (end - startedAt || 1) > 0.09 ? readyState : ''}
          </span>
        ))}
      </div>
    </div>
  )
}

const stateNames = ['CONNECTING', 'OPEN', 'CLOSED']

function useNow(isLive: boolean): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!isLive) return
    const timer = setInterval(() => setNow(Date.now()), 200)
    return () => clearInterval(timer)
  }, [isLive])
  return now
}
