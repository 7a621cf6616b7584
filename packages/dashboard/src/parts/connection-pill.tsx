import { useEffect, useState } from 'preact/hooks'
import { unplug } from '../data/hub.ts'
import type { LiveState } from '../data/live.ts'
import { statsState } from '../data/stats.ts'
import { useStore } from '../data/store.ts'

const unpluggedMs = 5000
/** Without an answer for this long, something is wrong that the browser does not say. */
const patienceMs = 5000

/** How the page's connection is, and a cable to pull out. */
export function ConnectionPill() {
  const state = useStore(statsState)
  const [isUnplugged, setUnplugged] = useState(false)
  const now = useTicks(state.name === 'waiting' || state.name === 'connecting')
  async function pull(): Promise<void> {
    setUnplugged(true)
    await unplug(unpluggedMs)
    setUnplugged(false)
  }
  return (
    <div class="pill" data-state={isUnplugged ? 'waiting' : state.name}>
      <span class="dot" aria-hidden="true" />
      <span role="status" id="connection-text">
        {isUnplugged ? 'unplugged' : textOf(state, now)}
      </span>
      <button
        type="button"
        class="quiet"
        onClick={pull}
        disabled={isUnplugged}
        title="Breaks every connection of this page"
      >
        Unplug for 5 s
      </button>
    </div>
  )
}

let connectingSince = 0

function textOf(state: LiveState, now: number): string {
  if (state.name !== 'connecting') connectingSince = 0
  switch (state.name) {
    case 'open':
      return 'live'
    case 'connecting':
      connectingSince ||= now
      return now - connectingSince < patienceMs
        ? 'connecting…'
        : 'no answer yet: close other tabs of this hub, browsers open six connections to a host'
    case 'resting':
      return 'resting while hidden'
    case 'refused':
      return state.refusal.status === 401 || state.refusal.status === 403 ? 'needs a token' : 'refused'
    case 'waiting': {
      const seconds = Math.ceil((state.retryAt - now) / 1000)
      return seconds > 0 ? `lost; next attempt in ${seconds} s` : 'lost; connecting again…'
    }
  }
}

/** The time, now and then, while it is needed. */
export function useTicks(isNeeded = true, everyMs = 250): number {
  const [now, setNow] = useState(Date.now)
  useEffect(() => {
    if (!isNeeded) return
    setNow(Date.now())
    const timer = setInterval(() => setNow(Date.now()), everyMs)
    return () => clearInterval(timer)
  }, [isNeeded, everyMs])
  return isNeeded ? now : Date.now()
}
