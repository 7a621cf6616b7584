import { afterEach, vi } from 'vitest'
import type { Session } from '../../src/server/session.ts'
import type { SessionOptions } from '../../src/server/session-options.ts'
import type { TestServer, Transport } from './transports.ts'

/** Opens sessions over one transport, and cleans up after each test of the suite that called this. */
export function opener(serve: Transport['serve']) {
  const servers: TestServer[] = []
  afterEach(async () => {
    vi.useRealTimers()
    vi.restoreAllMocks()
    await Promise.all(servers.splice(0).map((server) => server.stop()))
  })

  async function listen(options: SessionOptions | (() => SessionOptions) = {}) {
    const sessions: Session[] = []
    let wake = () => {}
    const server = await serve(options, (session) => {
      sessions.push(session)
      wake()
    })
    servers.push(server)
    /** The next session that was opened and not yet handed out. */
    const opened = async (): Promise<Session> => {
      while (sessions.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      return sessions.shift() as Session
    }
    return { server, opened }
  }

  /** Opens one session and its client's response. */
  async function open(options: SessionOptions = {}, request: Parameters<TestServer['request']>[0] = {}) {
    const { server, opened } = await listen(options)
    const response = await server.request(request)
    return { server, response, session: await opened() }
  }

  return { listen, open }
}

/** Puts the session's clock under the test's control, and leaves Node's own alone. */
export function useFakeClock(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
}

/** The data of every event in a stream. */
export function dataOf(stream: string): string[] {
  return stream
    .split('\n\n')
    .filter((block) => /^data/m.test(block))
    .map((block) => [...block.matchAll(/^data: ?(.*)$/gm)].map(([, value]) => value).join('\n'))
}

/** Lets sockets and promises go on for some turns of the event loop. */
export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** Lets them go on until something is so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turns(1)
}

/** `Promise.withResolvers`, which Node 20 lacks. */
export function deferred<T>() {
  let settle: { resolve(value: T): void; reject(error: unknown): void } | undefined
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  return { promise, ...(settle as NonNullable<typeof settle>) }
}

/** Waits until the connection takes no more, and says how much is left. */
export async function settledUnsent(session: { unsentBytes: number }): Promise<number> {
  let before = -1
  while (session.unsentBytes !== before) {
    before = session.unsentBytes
    await turns(30)
  }
  return before
}
