import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { startHub } from '../running.ts'

/** How large the files of a process may get; `undefined` where nobody can say so of another process. */
function limitFiles(pid: number, bytes: number | 'unlimited'): boolean {
  try {
    execFileSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`], { stdio: 'pipe' })
    return true
  } catch (error) {
    console.log(`skipped: the files of another process cannot be limited: ${String(error)}`)
    return false
  }
}

test('a disk that takes no more is one line in the log, 503 for publishers and for /readyz, and over by itself', async ({
  skip,
}) => {
  const directory = temporaryDirectory()
  const hub = await startHub('--store', `file:${directory}`)
  const publish = async (data: string) => {
    const body = new URLSearchParams({ topic: 'a', data })
    const response = await fetch(`${hub.url}/.well-known/mercure`, { method: 'POST', body })
    await response.text()
    return response.status
  }
  expect(await publish('before')).toBe(200)
  if (!limitFiles(hub.child.pid!, 4096)) skip('prlimit cannot be run')
  const before = hub.stderr.length
  for (let n = 0; n < 30; n++) expect(await publish('x'.repeat(100_000))).toBe(503)
  const ready = await fetch(`${hub.url}/readyz`)
  expect([ready.status, ready.headers.get('retry-after')]).toEqual([503, '2'])
  expect(await ready.text()).not.toContain(directory)
  expect((await fetch(`${hub.url}/healthz`)).status).toBe(200)
  // Reads go on.
  const stream = await fetch(`${hub.url}/.well-known/mercure?match=a&last_event_id=earliest`)
  const reader = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
  let seen = ''
  while (!seen.includes('data: before')) seen += (await reader.read()).value ?? ''
  await reader.cancel()

  limitFiles(hub.child.pid!, 'unlimited')
  expect(await publish('after')).toBe(200)
  await hub.said(/ info {2}the store works again, after [\d.]+ s and \d+ failures\.\n/, 'stderr')
  expect((await fetch(`${hub.url}/readyz`)).status).toBe(200)
  const lines = hub.stderr.slice(before).match(/ error the store failed, and publishers get 503: .*/g)!
  // The check of readiness says it in its own words.
  expect(lines.length).toBeLessThanOrEqual(2)
  expect(lines[0]).toContain('the disk failed')
})
