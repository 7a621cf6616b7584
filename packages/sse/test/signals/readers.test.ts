import http from 'node:http'
import { describe, expect, test } from 'vitest'
import { createChannel } from '../../src/server/channel.ts'
import type { Session } from '../../src/server/session.ts'
import { serveSessions } from './stream-of-ours.ts'

// Manners of client libraries, each in its smallest form: docs/signals.md has whose they are.

interface Manner {
  /** Whether the last event ID is that of every block, even when the block has none. */
  readonly cursorIsOfEveryBlock?: boolean
  /** Whether a field counts only in a block that has data. */
  readonly needsData?: boolean
  /** Whether every block is a message, whose data may be null. */
  readonly everyBlockIsMessage?: boolean
  /** Whether a response that ends is the end of the stream. */
  readonly endIsFinal?: boolean
  /** What it says that it accepts. */
  readonly accept: string
}

const manners: [string, Manner][] = [
  [
    'the cursor is the id of every block, even an empty one',
    { cursorIsOfEveryBlock: true, accept: 'text/event-stream' },
  ],
  ['id and retry count only in a block with data', { needsData: true, accept: 'text/event-stream' }],
  ['every block is a message', { everyBlockIsMessage: true, accept: 'text/event-stream' }],
  ['a finished response is the end of the stream', { endIsFinal: true, accept: 'text/event-stream' }],
  ['the standard, by somebody who accepts anything', { accept: '*/*' }],
]

/** Reads a stream by its manner, reconnects at once, and stops when it has the event `last`. */
async function read(url: string, manner: Manner): Promise<{ datas: string[]; nulls: number }> {
  const datas: string[] = []
  let nulls = 0
  let cursor = ''
  for (let attempt = 0; attempt < 20; attempt++) {
    const headers = { accept: manner.accept, ...(cursor && { 'last-event-id': cursor }) }
    const { blocks, isWhole } = await readBlocks(url, headers)
    for (const block of blocks) {
      const fields = new Map(
        block.map((line) => [line.replace(/:.*/s, ''), line.replace(/^[^:]*:? ?/, '')] as [string, string]),
      )
      const data = fields.get('data')
      const id = fields.get('id')
      if (manner.cursorIsOfEveryBlock) cursor = id ?? ''
      else if (id !== undefined && !(manner.needsData && data === undefined)) cursor = id
      if (data === undefined && manner.everyBlockIsMessage) nulls++
      if (data !== undefined) {
        // It parses the data of every event.
        JSON.parse(data)
        if (!fields.get('event')) datas.push(data)
      }
    }
    if (datas.at(-1) === '"last"') break
    if (isWhole && manner.endIsFinal) break
  }
  return { datas, nulls }
}

function readBlocks(url: string, headers: Record<string, string>): Promise<{ blocks: string[][]; isWhole: boolean }> {
  return new Promise((resolve, reject) => {
    http
      .get(url, { headers, agent: false }, (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
          if (text.includes('"last"\n')) response.destroy()
        })
        response.on('error', () => {})
        response.on('close', () => {
          const blocks = text
            .split('\n\n')
            .slice(0, -1)
            .map((block) => block.split('\n'))
          resolve({ blocks, isWhole: response.complete })
        })
      })
      .on('error', reject)
  })
}

describe.each(manners)('a reader for whom %s', (_, manner) => {
  test('gets each event once over interruptions, quiet ones too, and heartbeats, and nothing that it cannot read', async () => {
    const channel = createChannel()
    const expected: string[] = []
    const broadcast = (data: string) => {
      channel.broadcast({ data: JSON.stringify(data) })
      expected.push(JSON.stringify(data))
    }
    let connections = 0
    const { url } = await serveSessions(
      async (session: Session) => {
        const number = ++connections
        channel.subscribe(session)
        // Every other connection is quiet.
        if (number % 2 === 0) broadcast(`live ${number}`)
        session.comment()
        await session.retry(10)
        if (number < 6) await session.drain()
        // What is published between two connections is what a lost cursor loses.
        broadcast(number < 6 ? `while away ${number}` : 'last')
      },
      { heartbeatMs: 5 },
    )
    const { datas, nulls } = await read(url, manner)
    expect(datas).toEqual(expected)
    expect(nulls).toBe(0)
  })
})
