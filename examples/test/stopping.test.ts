import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { reasonToSkip } from '../../conformance/runners/runtimes.ts'
import { examples, RunningExample } from './example.ts'

const hubs = examples.filter(({ name, runtime }) => name.startsWith('hub-') && !reasonToSkip(runtime))

describe.each(hubs)('the example $name, asked to stop', (example) => {
  test('stops in order although a subscriber does not read', async () => {
    const running = await RunningExample.start(example)
    onTestFinished(() => running.kill())
    const subscriber = connect({ host: 'localhost', port: Number(running.url.port) })
    onTestFinished(() => void subscriber.destroy())
    subscriber.write(`GET ${example.events} HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    // The stream has begun; from then on nobody reads it.
    await once(subscriber, 'data')
    subscriber.pause()
    const message = 'x'.repeat(60_000)
    const messages = new URL('/messages', running.url)
    for (let i = 0; i < 200; i++) {
      const response = await fetch(messages, { method: 'POST', body: message })
      expect(response.status).toBe(201)
    }
    expect(await running.stop()).toBe(0)
    expect(running.complaints).toEqual([])
  })
})
