import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { events } from '@headwater/sse/client'
import { expect, onTestFinished, test } from 'vitest'
import { audience, issuer, secret } from '../../auth/tokens.ts'
import { bearer } from '../../http/access/guarded-hub.ts'
import { edgeToken, publisher, subscriber } from '../../store/upstream/edge-hubs.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { headwater, type RunningHub, serveHub } from '../running.ts'

const guarded = [
  ...['--publisher-key', secret, '--subscriber-key', secret, '--key-alg', 'HS256'],
  ...['--issuer', issuer, '--audience', audience, '--anonymous'],
]

/** A hub that can be killed, and started again at the same address with the same files. */
class Member {
  hub!: RunningHub
  readonly #flags: readonly string[]

  constructor(...flags: string[]) {
    this.#flags = ['--store', `file:${temporaryDirectory()}`, ...guarded, ...flags]
  }

  async start(): Promise<this> {
    const listen = this.hub ? ['--listen', new URL(this.hub.url).host] : []
    this.hub = await serveHub(...this.#flags, ...listen)
    return this
  }

  async kill(): Promise<void> {
    this.hub.child.kill('SIGKILL')
    await this.hub.ended()
  }

  get url(): string {
    return `${this.hub.url}/.well-known/mercure`
  }
}

function tokenFile(): string {
  const path = join(temporaryDirectory(), 'edge.token')
  writeFileSync(path, `${edgeToken}\n`)
  return path
}

test('kills of any hub of a tree lose, double and reorder nothing', { timeout: 120_000 }, async () => {
  const origin = await new Member('--threads', '1').start()
  const edge = (upstream: Member, ...flags: string[]) =>
    new Member('--upstream', upstream.hub.url, '--upstream-token-file', tokenFile(), ...flags).start()
  const near = await edge(origin, '--threads', '2')
  const far = await edge(near, '--threads', '1')
  const members = [origin, near, far]
  const anywhere = () => members[Math.floor(Math.random() * 3)]!.url
  const ending = new AbortController()
  onTestFinished(() => ending.abort())

  const received = Array.from({ length: 6 }, () => [] as string[])
  const problems: string[] = []
  const subscribers = received.map(async (datas) => {
    const stream = events(`${origin.url}?match=*`, {
      url: () => `${anywhere()}?match=*`,
      headers: subscriber,
      lastEventId: 'earliest',
      retry: { reconnectionTimeMs: 20, maxReconnectionTimeMs: 200, backoffMs: 200, maxBackoffMs: 200 },
      idleTimeoutMs: 20_000,
      onGap: (gap) => problems.push(JSON.stringify(gap)),
      signal: ending.signal,
    })
    for await (const { data } of stream) {
      datas.push(data)
      if (data === 'end') return
    }
  })

  let isOver = false
  let published = 0
  const publishers = [0, 1, 2, 3].map(async (who) => {
    for (let n = 0; !isOver; n++) {
      await publishAnywhere(anywhere, `${who} ${n}`)
      published++
    }
  })
  const progress = async () => {
    const least = published + 24
    while (published < least) await new Promise((resolve) => setTimeout(resolve, 20))
  }
  for (const member of [near, origin, far, origin, near]) {
    await progress()
    await member.kill()
    await member.start()
  }
  await progress()
  isOver = true
  await Promise.all(publishers)
  await publishAnywhere(anywhere, 'end')
  await Promise.all(subscribers)

  expect(problems).toEqual([])
  const [first, ...others] = received
  expect(new Set(first).size).toBe(published + 1)
  expect(first).toHaveLength(published + 1)
  for (const each of others) expect(each).toEqual(first)
  for (const who of [0, 1, 2, 3]) {
    const own = first!.filter((data) => data.startsWith(`${who} `)).map((data) => Number(data.split(' ')[1]))
    expect(own).toEqual(own.map((_, n) => n))
  }
})

/** Publishes one event, at whichever hub answers, and returns its ID. */
async function publishAnywhere(anywhere: () => string, data: string): Promise<string> {
  for (;;) {
    try {
      const response = await fetch(anywhere(), {
        method: 'POST',
        body: new URLSearchParams({ topic: 't', data }),
        headers: { 'idempotency-key': data, ...publisher },
        signal: AbortSignal.timeout(15_000),
      })
      const text = await response.text()
      if (response.status === 200) return text
    } catch {
      // Killed: the next attempt says what became of the event.
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test('says in its log, at /readyz and in its metrics what it copies and how far behind it is', async () => {
  const origin = await serveHub(...guarded)
  const directory = temporaryDirectory()
  const edge = await serveHub(
    ...guarded,
    ...['--store', `file:${directory}`, '--upstream', origin.url, '--upstream-token', edgeToken, '--threads', '2'],
  )
  await edge.said(new RegExp(`events are copied from ${origin.url} into ${directory}\\. Passes on`), 'stderr')
  for (let n = 0; n < 4; n++) {
    const ready = await fetch(`${edge.url}/readyz`, { headers: { connection: 'close' } })
    expect(await ready.text()).toMatch(/^ready\nupstream connected, 0 positions behind, last heard of \d+\.\d s ago\n$/)
  }
  const metrics = await (await fetch(`${edge.url}/metrics`)).text()
  expect(metrics).toMatch(/^headwater_upstream_behind 0$/m)
  expect(metrics).toMatch(/^headwater_upstream_silence_seconds \d/m)
  expect(await (await fetch(`${origin.url}/metrics`)).text()).toMatch(/^headwater_replicas 1$/m)

  origin.child.kill('SIGKILL')
  await edge.said(/ ERROR the connection to the hub upstream is lost; trying again: /i, 'stderr')
  expect(await (await fetch(`${edge.url}/readyz`)).text()).toMatch(/^ready\nupstream lost/)
  expect(edge.stderr).not.toContain(edgeToken)
})

test('an edge that is killed and started again while the hub upstream is away serves its copy', async () => {
  const origin = await new Member('--threads', '1').start()
  const edge = await new Member(
    ...['--upstream', origin.hub.url, '--upstream-token-file', tokenFile(), '--threads', '2'],
  ).start()
  const id = await publishAnywhere(() => origin.url, '1')
  await publishAnywhere(() => edge.url, '2')
  const datas: string[] = []
  const read = async (lastEventId: string, end: string) => {
    for await (const { data } of events(`${edge.url}?match=*`, { headers: subscriber, lastEventId })) {
      datas.push(data)
      if (data === end) return
    }
  }
  await read('earliest', '2')
  await origin.kill()
  await edge.kill()
  await edge.start()
  expect(edge.hub.stderr).toMatch(/Until it answers, this hub serves its copy/)
  const ready = async () => await (await fetch(`${edge.hub.url}/readyz`, { headers: { connection: 'close' } })).text()
  expect(await ready()).toMatch(/^ready\nupstream lost, not reached since the start/)
  await read(id, '2')
  await origin.start()
  const publishing = publishAnywhere(() => edge.url, '3')
  await read(id, '3')
  await publishing
  expect(datas).toEqual(['1', '2', '2', '2', '3'])
  await edge.hub.said(/connected to the hub upstream again/, 'stderr')
})

test.for([
  [['--store', 'memory:'], 2, /--store memory:.* is not a directory/],
  [['--max-age', '1d'], 2, /the hub upstream decides what is kept/],
  [['--upstream-token', 'a', '--upstream-token-file', 'b'], 2, /both set/],
  [['--upstream-token-file', '/nowhere/edge.token'], 1, /cannot be read/],
  [['--upstream', 'example.com'], 2, /not an http or https URL/],
] as const)('refuses to start as an edge with %s', async ([flags, code, message]) => {
  const directory = temporaryDirectory()
  const edge = headwater(
    'serve',
    ...['--dev', '--listen', ':0', '--store', `file:${directory}`, '--upstream', 'http://127.0.0.1:1'],
    ...flags,
  )
  expect(await edge.ended()).toBe(code)
  expect(edge.stderr).toMatch(message)
})

test('refuses to start at a hub that does not let it copy: with advice', async () => {
  const origin = await serveHub(...guarded)
  const start = (...flags: string[]) =>
    headwater(
      'serve',
      ...['--dev', '--listen', ':0', '--store', `file:${temporaryDirectory()}`, '--upstream', origin.url],
      ...flags,
    )
  const withoutToken = start()
  expect(await withoutToken.ended()).toBe(1)
  expect(withoutToken.stderr).toContain('headwater token --replicate')
  const wrong = start('--upstream-token', bearer(['subscribe'], { match: '*' }).authorization.slice(7))
  expect(await wrong.ended()).toBe(1)
  expect(wrong.stderr).toMatch(/refuses this one \(403/)
  await origin.said(/does not grant the action replicate/, 'stderr')
})

test('--subscriptions at an edge reports to the hub upstream, which must have it, too', async () => {
  const start = (upstream: string) =>
    headwater(
      ...['serve', ...guarded, '--listen', ':0', '--store', `file:${temporaryDirectory()}`, '--subscriptions'],
      ...['--upstream', upstream, '--upstream-token', edgeToken],
    )
  const silent = start((await serveHub(...guarded)).url)
  expect(await silent.ended()).toBe(1)
  expect(silent.stderr).toMatch(/--subscriptions: The hub upstream .*Start it with --subscriptions/)

  const origin = await serveHub(...guarded, '--subscriptions')
  const edge = start(origin.url)
  const [, url] = await edge.said(/^headwater listening on (https?:\S+)\n$/)
  const leaving = new AbortController()
  onTestFinished(() => leaving.abort())
  await fetch(`${url}/.well-known/mercure?match=a`, { headers: subscriber, signal: leaving.signal })
  const list = async (hub: string) => {
    const response = await fetch(`${hub}/.well-known/mercure/subscriptions`, {
      headers: bearer(['subscribe'], { match: '/.well-known/mercure/subscriptions' }),
    })
    return ((await response.json()) as { subscriptions: { match: string }[] }).subscriptions
  }
  for (const hub of [origin.url, url!]) await expect.poll(() => list(hub)).toMatchObject([{ match: 'a' }])
})

test('--upstream-token does not show in the configuration that is printed', async () => {
  const printed = headwater(
    'serve',
    '--dev',
    '--upstream',
    'http://127.0.0.1:1',
    '--upstream-token',
    'abc',
    '--print-config',
  )
  expect(await printed.ended()).toBe(0)
  expect(JSON.parse(printed.stdout)).toMatchObject({ upstream: 'http://127.0.0.1:1', upstreamToken: '(not shown)' })
})

test('headwater token --replicate makes a token with which a hub can be copied', async () => {
  const minted = headwater('token', '--key', secret, '--issuer', issuer, '--audience', audience, '--replicate')
  expect(await minted.ended()).toBe(0)
  const origin = await serveHub(...guarded)
  const headers = { authorization: `Bearer ${minted.stdout.trim()}` }
  const answer = await fetch(`${origin.url}/.well-known/mercure/replication/v1/head`, { headers })
  expect(answer.status).toBe(200)
})
