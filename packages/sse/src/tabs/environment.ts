import { queueTask } from '../client/next-task.ts'
import type { Message } from './messages.ts'

/** What the tabs need of their browser, and of a test in its place. */
export interface Environment {
  readonly locks: {
    request(
      name: string,
      options: { steal?: boolean; signal?: AbortSignal },
      callback: () => Promise<void> | undefined,
    ): Promise<unknown>
    query(): Promise<{ pending?: { name?: string }[] }>
  }
  /** Throws where there may be no channels. */
  openChannel(name: string, onMessage: (message: Message) => void): Channel
  setTimeout(task: () => void, delayMs: number): unknown
  clearTimeout(timer: unknown): void
  /** Runs a task after whatever is under way, also in a hidden tab. */
  queueTask(task: () => void): void
  now(): number
  /** A name for a text that says nothing of the tokens in it. */
  digest(text: string): Promise<string>
  /** A number from 0 to below 1. */
  random(): number
  /**
   * Calls back before this tab stops running (frozen, or kept for the back button), and when it runs
   * again.
   */
  onFreeze(freeze: () => void, resume: () => void, signal: AbortSignal): void
}

export interface Channel {
  post(message: Message): void
  close(): void
}

/** The browser's own. Undefined where Web Locks or `BroadcastChannel` are missing. */
export function ownEnvironment(): Environment | undefined {
  const { navigator, BroadcastChannel, crypto } = globalThis
  const locks = navigator?.locks as LockManager | undefined
  if (!locks || !BroadcastChannel || !crypto?.subtle) return undefined
  return {
    locks: {
      request: (name, options, callback) => locks.request(name, options, callback),
      query: () => locks.query(),
    },
    openChannel(name, onMessage) {
      const channel = new BroadcastChannel(name)
      channel.onmessage = ({ data }) => onMessage(data as Message)
      return { post: (message) => channel.postMessage(message), close: () => channel.close() }
    },
    setTimeout: (task, delayMs) => setTimeout(task, delayMs),
    clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
    queueTask,
    now: Date.now,
    async digest(text) {
      const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
      return [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
    },
    random: Math.random,
    onFreeze(freeze, resume, signal) {
      // Workers have none of these, and are not frozen by themselves.
      globalThis.document?.addEventListener('freeze', freeze, { signal })
      globalThis.document?.addEventListener('resume', resume, { signal })
      globalThis.addEventListener?.('pagehide', freeze, { signal })
      globalThis.addEventListener?.('pageshow', resume, { signal })
    },
  }
}
