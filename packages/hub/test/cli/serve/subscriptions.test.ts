import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readEvents } from '@headwater/sse'
import { expect, test } from 'vitest'
import { secret } from '../../auth/tokens.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { headwater, type RunningHub, startHub } from '../running.ts'

const audience = 'https://hub.example/.well-known/mercure'
const issuer = 'https://shop.example'

/** A hub over a directory, with the token of a subscriber who may have everything. */
async function start(directory: string, ...more: string[]): Promise<RunningHub> {
  const key = join(directory, 'secret')
  writeFileSync(key, secret)
  const hub = await startHub(
    ...['--store', `file:${join(directory, 'data')}`],
    ...['--subscriber-key', `file:${key}`, '--key-alg', 'HS256', '--issuer', issuer, '--audience', audience],
    ...more,
  )
  return Object.assign(hub, { url: `${hub.url}/.well-known/mercure` })
}

async function tokenOf(directory: string): Promise<Record<string, string>> {
  const key = join(directory, 'secret')
  writeFileSync(key, secret)
  const token = headwater(
    ...['token', '--key', `file:${key}`, '--issuer', issuer, '--audience', audience, '--subscribe', '*'],
  )
  expect(await token.ended()).toBe(0)
  return { authorization: `Bearer ${token.stdout.trim()}` }
}

interface Told {
  readonly type: string
  readonly match?: string
  readonly subscriber?: string
  readonly active?: boolean
}

/** Reads the hub's events of subscriptions until one is as it should be; gives all of them. */
async function readUntil(response: Response, isLast: (told: Told) => boolean): Promise<Told[]> {
  const all: Told[] = []
  for await (const { type, data } of readEvents(response.body!)) {
    if (type !== 'mercure') continue
    const told: Told = JSON.parse(data)
    all.push(told)
    if (isLast(told)) break
  }
  return all
}

test('headwater serve --subscriptions that is killed says at its next start that those it served are gone, before anybody is served', async () => {
  const directory = temporaryDirectory()
  const headers = await tokenOf(directory)
  const killed = await start(directory, '--subscriptions')
  const streams = await Promise.all(['a', 'b'].map((topic) => fetch(`${killed.url}?match=${topic}`)))
  const seen = new Set<string | undefined>()
  await readUntil(await fetch(`${killed.url}?match=*&last_event_id=earliest`, { headers }), ({ match }) => {
    seen.add(match)
    return seen.has('a') && seen.has('b')
  })
  killed.child.kill('SIGKILL')
  await killed.ended()
  await Promise.allSettled(streams.map((stream) => stream.text()))

  // As an operator would turn it on for good.
  const config = join(directory, 'headwater.config.json')
  writeFileSync(config, JSON.stringify({ subscriptions: true }))
  const next = await start(directory, '--config', config)
  const subscribed = await fetch(`${next.url}?match=${encodeURIComponent('/.well-known/mercure/*')}`)
  const all = await readUntil(
    await fetch(`${next.url}?match=*&last_event_id=earliest`, { headers }),
    ({ match }) => match === '/.well-known/mercure/*',
  )
  const nobody = all.findIndex(({ type }) => type === 'subscriptions')
  const active = new Set<string | undefined>()
  for (const { subscriber, active: isActive } of all.slice(0, nobody)) {
    if (isActive) active.add(subscriber)
    else active.delete(subscriber)
  }
  expect(nobody).toBeGreaterThan(3)
  expect([...active]).toEqual([])
  // Whoever comes is told of after it.
  expect(all.slice(nobody + 1).map((told) => told.active)).not.toContain(false)
  await subscribed.body?.cancel()
  next.child.kill('SIGTERM')
  expect(await next.ended()).toBe(0)
})
