import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { browserNames } from '../../../../conformance/runners/browser.ts'
import { describeInBrowser } from '../../../../conformance/runners/describe-in-browser.ts'
import { NativeSource } from '../../../../conformance/runners/native-source.ts'
import type { TestBrowser } from '../../../../conformance/runners/test-browser.ts'
import { createChannel } from '../../src/server/create-channel.ts'
import type { Session } from '../../src/server/session.ts'
import { answerWith, fetchAdapter } from '../server/transports.ts'
import { rowsAfter } from './stream-of-ours.ts'

const servers = [
  ['createSession', answerWith],
  ['createResponse', fetchAdapter],
] as const
type Server = (typeof servers)[number][1]

for (const browserName of browserNames) {
  describeInBrowser(`the EventSource of ${browserName}`, browserName, (browser) => {
    describe.each(servers)('of a stream by %s', (_, server) => {
      test('stops at a final end, after one more request, which is answered 204', async () => {
        const { source, requests } = await open(browser(), server, (session) => {
          if (session.isOpen) void session.pipe(rowsAfter(session.lastEventId))
        })
        await source.until('source.readyState === EventSource.CLOSED')
        expect(await source.seen()).toEqual(rows(1, 6))
        await expect
          .poll(() => requests)
          .toEqual([
            { lastEventId: undefined, status: 200 },
            { lastEventId: expect.stringMatching(/^headwater-end\.[0-9a-z]+\.6$/), status: 204 },
          ])
      })

      test('comes back with its last event ID after a source that failed, and gets the rest', async () => {
        let failures = 0
        const { source, requests } = await open(browser(), server, (session) => {
          if (!session.isOpen) return
          const fail = (row: number) => {
            if (row === 4 && failures++ < 2) throw new Error('the database is away')
          }
          void session.pipe(rowsAfter(session.lastEventId, fail))
        })
        await source.until('source.readyState === EventSource.CLOSED')
        expect(await source.seen()).toEqual(rows(1, 6))
        // A browser that had not read an event yet when the response broke off asks for it again.
        const id = expect.toBeOneOf([undefined, '1', '2', '3'])
        const ids = requests.map(({ lastEventId }) => lastEventId?.replace(/^headwater-end\..*/, 'the end'))
        expect(ids).toEqual([undefined, id, id, 'the end'])
      })

      test('keeps its place in a channel that brought nothing, over interruptions', async () => {
        const channel = createChannel()
        const sessions: Session[] = []
        const { source, requests } = await open(browser(), server, (session) => {
          sessions.push(session)
          channel.subscribe(session)
          // The second, too, brings nothing.
          if (sessions.length === 2) void session.drain()
        })
        // A browser drops what it has not read yet when the response breaks off.
        await source.until("position !== ''")
        await sessions[0]!.drain()
        await expect.poll(() => sessions.length).toBe(3)
        const live = channel.broadcast({ data: 'live' })
        await source.until('seen.length === 1')
        await sessions[2]!.drain()
        channel.broadcast({ data: 'missed' })
        await source.until('seen.length === 2')
        expect(await source.seen()).toEqual([
          ['message', 'live'],
          ['message', 'missed'],
        ])
        const before = live.replace(/1$/, '0')
        expect(requests.map(({ lastEventId }) => lastEventId)).toEqual([undefined, before, before, live])
      })
    })
  })
}

interface Request {
  lastEventId: string | undefined
  status: number
}

/** Serves a page, and in it a stream whose sessions `serve` is called with. */
async function open(browser: TestBrowser, server: Server, serve: (session: Session) => void) {
  const requests: Request[] = []
  const answer = server({ retryMs: 20, drainSpreadMs: 0, onError: () => {} }, serve)
  const listener = http.createServer((req, res) => {
    if (req.url !== '/stream') {
      res.setHeader('content-type', 'text/html').end('<!doctype html><title>a page</title>')
      return
    }
    const request = { lastEventId: req.headers['last-event-id']?.toString(), status: 0 }
    requests.push(request)
    void answer(req, res)
    // Where the status is not there yet, the headers are still to be sent.
    res.once('close', () => {
      request.status = res.statusCode
    })
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const page = await browser.newPage()
  onTestFinished(async () => {
    await page.close()
    listener.closeAllConnections()
    listener.close()
  })
  await page.goto(`http://127.0.0.1:${(listener.address() as AddressInfo).port}/`)
  return { source: await NativeSource.open(page, '/stream'), requests }
}

function rows(first: number, last: number): [string, string][] {
  return Array.from({ length: last - first + 1 }, (_, n) => ['message', JSON.stringify({ row: first + n })])
}
