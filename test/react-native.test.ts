import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

// The client in Hermes. The engine is a download of 57 MB, so `npm test` runs this only where
// `npm run test:react-native` was once run.

const folder = fileURLToPath(new URL('../conformance/react-native', import.meta.url))
const reason = existsSync(`${folder}/node_modules`)
  ? undefined
  : 'Hermes is not installed: npm run test:react-native installs it'

describe.skipIf(reason)(reason ? `in Hermes (${reason})` : 'in Hermes, with the globals of React Native', () => {
  /** Imported when a test runs, because it needs what is installed. */
  const runInHermes = async (program: string): Promise<string> => {
    const run = (await import(`${folder}/run.mjs`)) as { runInHermes(program: string): Promise<string> }
    return await run.runInHermes(program)
  }

  it('events() streams, resumes, reconnects when the app returns, and is aborted', async () => {
    expect((await runInHermes('program.js')).split('\n')).toEqual([
      'without Event, EventTarget, MessageEvent, DOMException, ReadableStream, TransformStream, document',
      'parser: note two',
      'lines',
      'events: one €, two',
      'after a return: three',
      'states: open, waiting NETWORK_ERROR, waiting UNEXPECTED_RESPONSE, open, waiting RECONNECT, open',
      'requests: - Bearer a, 1 Bearer a, 1 Bearer a, 2 Bearer a',
      'aborted: AbortError',
      'listeners left: 0',
    ])
  })

  it('EventSource works with the three globals that it needs from a library', async () => {
    expect((await runInHermes('event-source.js')).split('\n')).toEqual([
      'open 1',
      'tick 1 #7 of https://example.com',
      'error NETWORK_ERROR true',
      'open 1',
      'message two #7',
    ])
  })
})
