import { expect, onTestFinished, test } from 'vitest'
import { HubError } from '../../../src/base/errors.ts'
import { openReplica, type Replica } from '../../../src/store/replica.ts'
import type { HistorySource, SourcePage } from '../../../src/store/replicated/history-source.ts'
import { ReplicatedStore } from '../../../src/store/replicated/replicated-store.ts'
import { beginning, type HistoryPosition, markOf, type StoredEvent } from '../../../src/store/store.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event, readDatas } from '../temporary-store.ts'

/** A history that is sequenced here, at once. */
class LocalSource implements HistorySource {
  readonly name = 'the source'
  readonly epoch = 'abcdefghij'
  readonly nodes = { name: 'node', alive: async () => undefined, exchange: async () => [] }
  readonly events: StoredEvent[] = []

  async append(appends: Parameters<HistorySource['append']>[0]) {
    const previous = this.#head
    const added = appends.map(({ event }, index) => ({ ...event, position: previous.position + index + 1, tag: 7 }))
    this.events.push(...added)
    return { marks: added.map(markOf), previous }
  }

  async read(after: number): Promise<SourcePage> {
    const before = this.events.find(({ position }) => position === after)
    const events = this.events.filter(({ position }) => position > after)
    return { head: this.#head, trimmed: beginning, tagBefore: before?.tag, events, isLast: true }
  }

  async tagsOf(positions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    return new Map(this.events.filter(({ position }) => positions.includes(position)).map((e) => [e.position, e.tag]))
  }

  onChange(): void {}
  async trim(): Promise<void> {}
  async close(): Promise<void> {}

  get #head(): HistoryPosition {
    const last = this.events.at(-1)
    return last ? markOf(last) : beginning
  }
}

/** A copy on a disk that is full for as many writes as are asked for. */
class FullDiskReplica {
  failures = 0

  of(replica: Replica): Replica {
    return new Proxy(replica, {
      get: (target, name) => {
        if (name === 'apply' && this.failures > 0) {
          this.failures--
          return async () => {
            throw new HubError('STORE_FAILED', 'The events were not applied: the disk is full.')
          }
        }
        const value = Reflect.get(target, name, target) as unknown
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }
}

test('a copy that could not store some events does not go on without them, though there is room for the next', async () => {
  const source = new LocalSource()
  const disk = new FullDiskReplica()
  const replica = disk.of(await openReplica({ directory: temporaryDirectory(), epoch: source.epoch }))
  const store = await ReplicatedStore.open({ replica, source, waitMs: 10_000, onError: () => {} })
  onTestFinished(() => store.close())
  const received: string[] = []
  await store.follow({
    onStart: () => {},
    onAppend: (events) => received.push(...events.map(({ data }) => data)),
    onTrim: () => {},
    onFailure: () => {},
  })
  await store.append(event('1'))
  disk.failures = 1
  // The next two are on their way to the copy when the first of these fails.
  await Promise.all(['2', '3', '4'].map((data) => store.append(event(data))))
  await expect.poll(() => received).toEqual(['1', '2', '3', '4'])
  expect(await readDatas(store)).toEqual(['1', '2', '3', '4'])
})
