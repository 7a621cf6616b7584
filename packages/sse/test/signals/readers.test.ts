import { describe, expect, test } from 'vitest'
import { large, manners, readByManner } from '../../../../conformance/readers/manners.ts'
import { createChannel } from '../../src/server/create-channel.ts'
import type { Session } from '../../src/server/session.ts'
import { serveSessions } from './stream-of-ours.ts'

// The hub's own test of the same: packages/hub/test/http/subscribe/readers.test.ts.

/** Some ask for gzip and do not decode it. The library never compresses. */
const asksForGzip = ['gzip is asked for and not decoded', { acceptEncoding: 'gzip, deflate' }] as const

describe.each([...manners, asksForGzip])('a reader for whom %s', (_, manner) => {
  test('gets each event once over interruptions, quiet ones too, and heartbeats, and nothing that it cannot read', async () => {
    const channel = createChannel()
    const expected: string[] = []
    const broadcast = (data: string) => {
      channel.broadcast({ data })
      expected.push(data)
    }
    let connections = 0
    const { url } = await serveSessions(
      async (session: Session) => {
        const number = ++connections
        channel.subscribe(session)
        // Connections 1, 3 and 5 bring nothing.
        if (number % 2 === 0) broadcast(`"live ${number}"`)
        if (number === 4) broadcast(large)
        session.comment()
        await session.retry(10)
        if (number === 6) return broadcast('"last"')
        await session.drain()
        // What is published after a quiet connection is what a lost cursor loses.
        if (number % 2 === 1) broadcast(`"while away ${number}"`)
      },
      { heartbeatMs: 5 },
    )
    expect(await readByManner(url, manner, { last: '"last"' })).toEqual(expected)
  })
})
