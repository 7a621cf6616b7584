import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { get, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { parseEventId } from '@headwater/sse/internal'
import { describe, expect, test } from 'vitest'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { headwater, startHub } from '../running.ts'

const hubPath = '/.well-known/mercure'

/** A publish whose body is still to come. */
async function beginPublish(url: string, length: number) {
  const publishing = request(url + hubPath, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': length, expect: '100-continue' },
  })
  const answer = new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
    publishing.on('error', reject).on('response', async (response) => {
      let body = ''
      for await (const chunk of response) body += chunk
      resolve({ status: response.statusCode, body })
    })
  })
  // That nobody waits for it yet is no reason to fail.
  answer.catch(() => {})
  publishing.flushHeaders()
  await once(publishing, 'continue')
  return { publishing, answer }
}

/** Reads a stream until it breaks off. It fails if the response ends. */
async function openStream(url: string): Promise<string> {
  const [response] = (await once(get(`${url}${hubPath}?match=a`), 'response')) as [IncomingMessage]
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  await once(response, 'error')
  return text
}

describe('a hub that is told to end by SIGTERM', () => {
  test('acknowledges and keeps the publish under way, tells each subscriber another time to come back, and exits 0', async () => {
    const store = ['--store', `file:${join(temporaryDirectory(), 'data')}`]
    const hub = await startHub(...store, '--shutdown-deadline', '30s')
    const streams = Array.from({ length: 20 }, () => openStream(hub.url))
    const { publishing, answer } = await beginPublish(hub.url, 16)
    await expect
      .poll(async () => (await (await fetch(`${hub.url}/metrics`)).text()).match(/^headwater_subscribers (\d+)$/m)?.[1])
      .toBe('20')
    hub.child.kill('SIGTERM')
    await hub.said(/SIGTERM: stopping: finishing publishes and ending 20 streams, within 30 s/, 'stderr')
    await expect(fetch(`${hub.url}/healthz`)).rejects.toThrow()
    publishing.end('topic=a&data=bye')
    const { status, body: id } = await answer
    expect(status).toBe(200)
    const texts = await Promise.all(streams)
    for (const text of texts) {
      expect(text).toMatch(/retry: \d+\nid: \S+\n\n$/)
      expect(text).not.toContain('headwater-close')
    }
    expect(new Set(texts.map((text) => /retry: (\d+)\nid: \S+\n\n$/.exec(text)![1])).size).toBeGreaterThan(10)
    expect(await hub.ended()).toBe(0)
    expect(hub.stderr).toMatch(/ info {2}stopped in [\d.]+ s\.\n$/)

    const next = await startHub(...store)
    expect(next.stderr).not.toContain('not stop in order')
    // Whoever was told to come back before the event went out has it then.
    for (const text of texts) {
      if (text.includes('data: bye')) continue
      const lastEventId = [...text.matchAll(/^id: (.*)$/gm)].at(-1)![1]!
      const tail = headwater('tail', '--hub', next.url, '-t', 'a', '--last-event-id', lastEventId)
      await tail.said(/^bye\n$/)
      tail.child.kill()
      break
    }
    const { last_event_id } = (await (await fetch(`${next.url}${hubPath}/last?match=a`)).json()) as {
      last_event_id: string
    }
    expect(last_event_id).toBe(id)
  })

  test('is kept beyond its deadline neither by clients that do not read nor by ones that do not send, and tells the others in time', async () => {
    const hub = await startHub('--shutdown-deadline', '6s')
    const { hostname, port } = new URL(hub.url)
    const deaf = connect(Number(port), hostname)
    deaf.on('error', () => {}).pause()
    deaf.write(`GET ${hubPath}?match=a HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    // More than the system takes for a client that does not read.
    const data = 'x'.repeat(900_000)
    const other = openStream(hub.url)
    for (let n = 0; n < 12; n++) {
      await fetch(hub.url + hubPath, { method: 'POST', body: new URLSearchParams({ topic: 'a', data }) })
    }
    const { answer } = await beginPublish(hub.url, 10)
    hub.child.kill('SIGTERM')
    expect(await other).toMatch(/retry: \d+\nid: \S+\n\n$/)
    await expect(answer).rejects.toThrow()
    expect(await hub.ended()).toBe(0)
    expect(hub.stderr).toMatch(/stopped in [\d.]+ s\. \d connections? did not end/)
    deaf.destroy()
  })

  test.each(['SIGTERM', 'SIGINT'] as const)('ends at once at %s after it', async (second) => {
    const hub = await startHub('--shutdown-deadline', '10m')
    const { answer } = await beginPublish(hub.url, 10)
    hub.child.kill('SIGTERM')
    await hub.said(/stopping:/, 'stderr')
    hub.child.kill(second)
    expect(await hub.ended()).toBe(1)
    expect(hub.stderr).toContain(`${second} again: stopped at once.`)
    await expect(answer).rejects.toThrow()
  })

  test('that was killed instead says so when it is started again', async () => {
    const store = ['--store', `file:${join(temporaryDirectory(), 'data')}`]
    const killed = await startHub(...store)
    killed.child.kill('SIGKILL')
    await killed.ended()
    const next = await startHub(...store)
    await next.said(
      new RegExp(
        ` warn {2}the hub did not stop in order the last time \\(process ${killed.child.pid} on host .*\\)\\. ` +
          'The history goes to position 0, the last one that was acknowledged\\.',
      ),
      'stderr',
    )
  })

  test('and lost its write-ahead log says which acknowledged events are missing', async () => {
    const directory = join(temporaryDirectory(), 'data')
    const store = ['--store', `file:${directory}`]
    // The tables are not in the log alone.
    await (await openSqliteStore({ directory })).close()
    const killed = await startHub(...store)
    const body = () => new URLSearchParams({ topic: 'a', data: 'x' })
    for (let n = 0; n < 3; n++) {
      expect((await fetch(`${killed.url}/.well-known/mercure`, { method: 'POST', body: body() })).status).toBe(200)
    }
    killed.child.kill('SIGKILL')
    await killed.ended()
    rmSync(join(directory, 'headwater.db-wal'))
    const next = await startHub(...store)
    await next.said(/ error 3 acknowledged events are missing, from position 1 to 3: the files were damaged/, 'stderr')
    expect(next.stderr).not.toContain('the last one that was acknowledged')
    const published = await fetch(`${next.url}/.well-known/mercure`, { method: 'POST', body: body() })
    expect(parseEventId(await published.text())).toMatchObject({ position: 4 })
  })
})
