import { afterEach, describe, expect, it, vi } from 'vitest'
import { appStateReturn } from '../../src/client/index.ts'
import { EventLog } from './event-log.ts'
import { advance, openBody, scriptedFetch, settle, stopClock } from './scripted-fetch.ts'

/** React Native's `AppState`, in the test's hands. */
function appState() {
  const listeners = new Set<(state: string) => void>()
  return {
    addEventListener: (_type: 'change', listener: (state: string) => void) => {
      listeners.add(listener)
      return { remove: () => listeners.delete(listener) }
    },
    become: (state: string) => {
      for (const listener of listeners) listener(state)
    },
    listeners,
  }
}

afterEach(() => {
  vi.useRealTimers()
})

describe('appStateReturn', () => {
  it('reconnects when the app is active again after 30 seconds without a byte, and not before', async () => {
    stopClock()
    const app = appState()
    const { fetch, calls } = scriptedFetch(() => openBody().response)
    const log = await new EventLog('http://a.test/', { fetch, reconnectOn: appStateReturn(app) }).count(1)
    app.become('background')
    await advance(29_000)
    app.become('active')
    await settle()
    expect(calls).toHaveLength(1)
    app.become('inactive')
    await advance(1000)
    app.become('active')
    await advance(0)
    expect(log.lines).toEqual(['open @1', 'error @0', 'open @1'])
    expect(log.errors[0]!.code).toBe('RECONNECT')
    log.source.close()
    expect(app.listeners.size).toBe(0)
  })

  it('takes another time', async () => {
    const app = appState()
    const { fetch, calls } = scriptedFetch(() => openBody().response)
    const log = await new EventLog('http://a.test/', { fetch, reconnectOn: appStateReturn(app, 0) }).count(1)
    app.become('active')
    await log.count(3)
    expect(calls).toHaveLength(2)
    log.source.close()
  })
})
