import type { ReconnectTrigger } from './options.ts'

/** What `appStateReturn` uses of React Native's `AppState`. */
export interface AppStateLike {
  addEventListener(type: 'change', listener: (state: string) => void): { remove(): void }
}

/**
 * For the option `reconnectOn` in React Native, where there are neither pages nor their events:
 * reconnects when the app is active again and no byte has arrived for `silentMs` milliseconds. A phone
 * silently ends the connections of an app in the background.
 *
 * @param appState `AppState` of `react-native`.
 * @param silentMs Default 30000: a stream that sent something since, such as a heartbeat, is alive.
 */
export function appStateReturn(appState: AppStateLike, silentMs = 30_000): ReconnectTrigger {
  return (reconnect, signal) => {
    const subscription = appState.addEventListener('change', (state) => {
      if (state === 'active') reconnect(silentMs)
    })
    signal.addEventListener('abort', () => subscription.remove())
  }
}
