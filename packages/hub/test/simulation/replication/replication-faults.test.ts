import { expect, test } from 'vitest'
import { ReplicatedStore } from '../../../src/store/replicated/replicated-store.ts'
import { beginning } from '../../../src/store/store.ts'
import { simulateReplication } from './replication.ts'
import { SimulatedReplica } from './simulated-replica.ts'
import { SimulatedSource } from './simulated-source.ts'

/** Puts another method in the place of one, and returns what puts the original back. */
function patch<T extends object, K extends keyof T>(prototype: T, name: K, make: (original: T[K]) => T[K]) {
  return () => {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name)!
    Object.defineProperty(prototype, name, { ...descriptor, value: make(prototype[name]) })
    return () => void Object.defineProperty(prototype, name, descriptor)
  }
}

const faults: readonly (readonly [name: string, inject: () => () => void])[] = [
  [
    'a copy takes events whatever it lacks before them',
    patch(
      SimulatedReplica.prototype,
      'apply',
      (original) =>
        function (this: SimulatedReplica, events) {
          return original.call(this, events)
        },
    ),
  ],
  [
    'an event that was lost is not missed',
    patch(
      SimulatedSource.prototype,
      'read',
      (original) =>
        async function (this: SimulatedSource, after) {
          const page = await original.call(this, after)
          // As if nobody had compared the tags.
          return page.tagBefore === undefined ? { ...page, trimmed: { position: after + 1, tag: 0 } } : page
        },
    ),
  ],
  ['a copy does not drop what was lost', patch(SimulatedReplica.prototype, 'dropAfter', () => async () => {})],
  [
    'a node knows of no event that has not come there',
    patch(
      ReplicatedStore.prototype,
      'inspect',
      () =>
        async function (this: ReplicatedStore, position) {
          const { head } = await this.bounds()
          return position > head.position ? { name: 'ahead' } : { name: 'trimmed', tag: undefined }
        },
    ),
  ],
  [
    'what was trimmed is not said',
    patch(
      SimulatedSource.prototype,
      'read',
      (original) =>
        async function (this: SimulatedSource, after) {
          return { ...(await original.call(this, after)), trimmed: beginning }
        },
    ),
  ],
]

test.each(faults)('the simulation of several nodes finds it when %s', { timeout: 600_000 }, async (_name, inject) => {
  const restore = inject()
  try {
    for (let seed = 1; seed <= 1000; seed++) {
      const { failure } = await simulateReplication(seed)
      if (failure !== undefined) return
    }
    expect.fail('1000 seeds found nothing.')
  } finally {
    restore()
  }
})
