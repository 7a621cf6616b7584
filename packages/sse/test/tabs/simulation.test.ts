import { describe, expect, it } from 'vitest'
import { type Tab, TOPICS, World } from './world.ts'

const seeds = Number(process.env.HEADWATER_TABS_SEEDS ?? 200)
const only = process.env.HEADWATER_TABS_SEED

describe('tabs that open, close, crash, freeze and lose messages at random', () => {
  it(`each get every event after their beginning once and in order, by ${only ? `seed ${only}` : `${seeds} seeds`}`, async () => {
    const first = Number(only ?? 1)
    for (let seed = first; seed < first + (only ? 1 : seeds); seed++) await play(seed)
  }, 600_000)
})

async function play(seed: number): Promise<void> {
  const world = new World(seed)
  const { random, server } = world
  const below = (count: number) => Math.floor(random() * count)
  world.loss = random() < 0.5 ? random() * 0.1 : 0
  world.maxDelayMs = 1 + random() * 200
  const live = () => world.tabs.filter((tab) => !tab.isGone)
  const any = (among: Tab[]) => among[below(among.length)]
  const isMerging = seed % 2 === 0
  const open = () => {
    const from = random() < 0.2 && server.last > 3 ? `${server.last - below(3)}` : undefined
    const tab = world.open({ lastEventId: from }, isMerging ? someTopics(below(7)) : undefined)
    if (from) tab.knewFrom = Number(from)
    if (random() < 0.2) tab.slownessMs = random() * 2000
  }
  const happenings: (() => void)[] = [
    open,
    open,
    () => any(live())?.close(),
    () => {
      const tab = any(live())
      if (tab) world.crash(tab)
    },
    () => any(live().filter((tab) => !tab.isFrozen))?.freeze(random() < 0.5),
    () => any(live().filter((tab) => tab.isFrozen))?.thaw(),
    () => any(live().filter((tab) => tab.isFrozen))?.thaw(),
    () => server.cut(),
    () => {
      server.isUp = !server.isUp
      if (!server.isUp) server.cut()
    },
    () => {
      for (let count = below(30); count >= 0; count--) server.publish()
    },
  ]

  for (let count = 1 + below(5); count > 0; count--) open()
  for (let step = 0; step < 60; step++) {
    if (live().length < 12 || random() < 0.5) happenings[below(happenings.length)]!()
    for (let count = below(4); count > 0; count--) {
      server.publish()
      await world.advance(random() * 200)
    }
    await world.advance(random() * random() * 8000)
    for (const tab of world.tabs) verify(tab, seed)
  }

  // All is well again, and everything comes to rest.
  world.loss = 0
  server.isUp = true
  for (const tab of world.tabs) if (tab.isFrozen) tab.thaw()
  await world.advance(30_000)
  for (let topic = 0; topic < TOPICS; topic++) server.publish()
  await world.advance(30_000)
  for (const tab of live()) {
    verify(tab, seed)
    const last = tab.topics
      ? server.last - Math.min(...tab.topics.map((topic) => behind(server.last, topic)))
      : server.last
    expect(tab.events.at(-1), `seed ${seed}, tab ${tab.index}: the last event`).toBe(last)
    expect(tab.shown, `seed ${seed}, tab ${tab.index}: the state`).toBe('open')
    expect(tab.events[0], `seed ${seed}, tab ${tab.index}: the first event`).toBeLessThanOrEqual(
      firstAfter(tab.knewFrom!, tab.topics),
    )
  }
  expect(live().length > 0 ? server.connections.size : 1, `seed ${seed}: connections`).toBe(1)
}

/** One of the seven selections of some of three topics. */
function someTopics(number: number): number[] {
  return [0, 1, 2].filter((topic) => (number + 1) & (1 << topic))
}

function firstAfter(number: number, topics: readonly number[] | undefined): number {
  let next = number + 1
  while (topics && !topics.includes(next % TOPICS)) next++
  return next
}

/** How many events ago a topic had its last one. */
function behind(last: number, topic: number): number {
  return (last - topic + TOPICS) % TOPICS
}

function verify({ events, topics, index, isAhead }: Tab, seed: number): void {
  expect(isAhead, `seed ${seed}, tab ${index}: the ID to resume from is ahead`).toBe(false)
  const start = events[0] ?? 0
  const expected: number[] = []
  for (let number = start; expected.length < events.length; number++)
    if (!topics || topics.includes(number % TOPICS)) expected.push(number)
  expect(events, `seed ${seed}, tab ${index}`).toEqual(expected)
}
