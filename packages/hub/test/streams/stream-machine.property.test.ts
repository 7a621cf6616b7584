import fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { HubError } from '../../src/base/errors.ts'
import { createHub, type Hub, type HubStream, type StreamEvent } from '../../src/index.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { EventStore } from '../../src/store/store.ts'

/** What happens to an append: also its answer alone may be lost. */
type Fate = 'stored' | 'refused' | 'unanswered'

/** What is done with one stream, by the writers of two hubs over one history. */
type Step =
  | { readonly do: 'write' | 'take over' | 'close' | 'fail' | 'stop'; readonly hub: 0 | 1 }
  /** The hub's process is gone: nothing that it does is stored any more. */
  | { readonly do: 'kill' | 'start'; readonly hub: 0 | 1 }
  | { readonly do: 'wait'; readonly ms: number }

const hubIndex = fc.constantFrom(0 as const, 1 as const)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('write' as const), hub: hubIndex }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('take over' as const), hub: hubIndex }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('close' as const, 'fail' as const, 'stop' as const), hub: hubIndex }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('kill' as const, 'start' as const), hub: hubIndex }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, 50, 400, 1500, 6000) }),
  },
)
const fates = fc.array(fc.constantFrom<Fate>('stored', 'stored', 'stored', 'refused', 'unanswered'), { maxLength: 30 })

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] })
})
afterEach(() => {
  vi.useRealTimers()
})

test('whatever two hubs do with a stream, what was acknowledged is read once and in order, and there is one end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), fates, async (steps, fates) => {
      const history = createMemoryStore()
      const fateOf = () => fates.shift() ?? 'stored'
      const hubs = await Promise.all([0, 1].map(() => Member.start(history, fateOf)))
      const acknowledged: string[] = []
      const asked = new Set<string>()
      let count = 0
      for (const step of steps) {
        if (step.do === 'wait') await vi.advanceTimersByTimeAsync(step.ms)
        else {
          const member = hubs[step.hub]!
          if (step.do === 'kill') member.kill()
          else if (step.do === 'start') await member.restart()
          else if (member.isAlive) {
            const data = String(count++)
            if (step.do === 'write') asked.add(data)
            run(member, step.do, data, () => acknowledged.push(data))
          }
        }
        await turns()
      }
      // Whatever is under way comes to an end. A stream whose writer is alive is open until it is stopped.
      for (const member of hubs) await member.restart()
      for (let waited = 0; waited < 30; waited++) {
        await vi.advanceTimersByTimeAsync(1000)
        await turns()
      }
      const reader = hubs[0]!.hub
      await reader
        .stream('one')
        .stop()
        .catch((error: { code: string }) => expect(error.code).toBe('NOT_FOUND'))
      const state = await reader.stream('one').state()
      if (state.name !== 'none') {
        expect(state.name).toBe('ended')
        const events: StreamEvent[] = []
        for await (const event of reader.stream('one').read()) events.push(event)
        const stored = events.filter(({ type }) => type === 'message').map(({ data }) => data)
        expect(new Set(stored).size).toBe(stored.length)
        for (const data of stored) expect(asked).toContain(data)
        // In the order in which they were acknowledged, as far as they were.
        expect(stored.filter((data) => acknowledged.includes(data))).toEqual(acknowledged)
        expect(await endsIn(history)).toBe(1)
      } else expect(acknowledged).toEqual([])
      for (const member of hubs) member.kill()
      await history.close()
    }),
    { numRuns: 300 },
  )
}, 240_000)

function run(
  member: Member,
  what: 'write' | 'take over' | 'close' | 'fail' | 'stop',
  data: string,
  onStored: () => void,
) {
  const { writer } = member
  const running = {
    write: () => writer.write(data).then(() => onStored()),
    'take over': () => {
      member.writer = member.hub.stream('one')
      return member.writer.takeOver()
    },
    close: () => writer.close(),
    fail: () => writer.fail(),
    stop: () => writer.stop(),
  }[what]()
  // Only errors that say what is the matter.
  running.catch((error: unknown) => {
    if (!(error instanceof HubError)) throw error
    expect(error.code).toMatch(/^(STREAM_\w+|STORE_FAILED|HUB_CLOSED|NOT_FOUND)$/)
  })
}

/** A hub over the common history, whose process can be killed. */
class Member {
  isAlive = true
  hub!: Hub
  writer!: HubStream
  #process = { isAlive: true }
  readonly #history: EventStore
  readonly #fateOf: () => Fate

  static async start(history: EventStore, fateOf: () => Fate): Promise<Member> {
    const member = new Member(history, fateOf)
    await member.#begin()
    return member
  }

  private constructor(history: EventStore, fateOf: () => Fate) {
    this.#history = history
    this.#fateOf = fateOf
  }

  kill(): void {
    this.isAlive = false
    this.#process.isAlive = false
  }

  async restart(): Promise<void> {
    if (!this.isAlive) await this.#begin()
  }

  async #begin(): Promise<void> {
    const process = { isAlive: true }
    this.#process = process
    this.isAlive = true
    const history = this.#history
    const fateOf = this.#fateOf
    const never = () => new Promise<never>(() => {})
    const store: EventStore = {
      epoch: history.epoch,
      append: async (...given) => (await store.appendAll!([{ event: given[0] }]))[0]!,
      async appendAll(appends) {
        if (!process.isAlive) return await never()
        const fate = fateOf()
        if (fate === 'refused') throw new HubError('STORE_FAILED', 'not stored')
        const marks = await history.appendAll!(appends)
        if (fate === 'unanswered') throw new HubError('STORE_FAILED', 'stored, and nobody knows')
        return marks
      },
      read: (query) => history.read(query),
      readBack: (query) => history.readBack!(query),
      bounds: () => history.bounds(),
      inspect: (position) => history.inspect(position),
      find: (id) => history.find(id),
      follow: (follower) =>
        history.follow({
          onStart: (bounds) => follower.onStart(bounds),
          onAppend: (events) => void (process.isAlive && follower.onAppend(events)),
          onTrim: (mark) => follower.onTrim(mark),
          onFailure: (error) => follower.onFailure(error),
        }),
      trim: () => history.trim(),
      close: async () => {},
    }
    this.hub = await createHub({ store, authorize: () => ({}), onError: () => {}, streams: { leaseMs: 1000 } })
    this.writer = this.hub.stream('one')
  }
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
}

async function endsIn(history: EventStore): Promise<number> {
  const { head } = await history.bounds()
  const { events } = await history.read({
    after: 0,
    through: head.position,
    topics: undefined,
    maxEvents: 1e6,
    maxBytes: 1e9,
  })
  return events.filter(({ type }) => /^headwater-stream\/(closed|failed|stopped|lost)\//.test(type ?? '')).length
}
