import { describe, expect, test } from 'vitest'
import { createCounts } from '../../../src/http/access/client-counts.ts'
import { ClientQuotas } from '../../../src/http/access/client-quotas.ts'
import { HoldersOverNodes } from '../../../src/http/access/holders-over-nodes.ts'
import { defaultLimits } from '../../../src/http/access/limits.ts'

/** An engine where nodes leave notes. */
function createEngine() {
  const notes = new Map<string, Uint8Array>()
  const engine = {
    now: 0,
    isAway: false,
    notes,
    async node(name: string) {
      const counts = createCounts()
      const directory = {
        name,
        alive: async () => undefined,
        exchange: async (note: Uint8Array) => {
          if (engine.isAway) throw new Error('The engine is away.')
          notes.set(name, note)
          return [...notes].filter(([of]) => of !== name).map(([, each]) => each)
        },
      }
      const holders = new HoldersOverNodes(counts.subscribersOfHolder, directory, () => engine.now)
      holders.close()
      // The first exchange is under way.
      await holders.exchange()
      return { counts: { ...counts, subscribersOfHolder: holders }, holders }
    },
  }
  return engine
}

describe('streams of one token holder over several nodes', () => {
  test('are refused beyond the limit, whichever nodes they are on', async () => {
    const engine = createEngine()
    const [a, b, c] = [await engine.node('a'), await engine.node('b'), await engine.node('c')]
    const limits = { ...defaultLimits, maxSubscribersPerToken: 3 }
    const [onA, onB, onC] = [a, b, c].map(({ counts }) => new ClientQuotas(limits, counts))
    const ada = { address: '192.0.2.1', holder: 'Ada' }
    onA!.subscribe(ada)
    onA!.subscribe({ ...ada, holder: 'Bob' })
    const leave = onB!.subscribe(ada)
    for (const { holders } of [a, b, c, a, b]) await holders.exchange()
    onC!.subscribe(ada)
    expect(() => onC!.subscribe(ada)).toThrow('3 event streams are open with this token')
    // The others do not know yet: that is how exact it is.
    onA!.subscribe(ada)
    leave()
    for (const { holders } of [a, b, c, a, b]) await holders.exchange()
    expect([a, b, c].map(({ holders }) => holders.of('Ada'))).toEqual([3, 3, 3])
    expect(() => onB!.subscribe(ada)).toThrow('3 event streams are open with this token')
    onB!.subscribe({ ...ada, holder: undefined })
    onB!.subscribe({ ...ada, holder: 'Bob' })
  })

  test('of others count as they last did while the engine is away, and after 20 s no more', async () => {
    const engine = createEngine()
    const [a, b] = [await engine.node('a'), await engine.node('b')]
    a.holders.add('Ada')
    b.holders.add('Ada')
    for (const { holders } of [a, b]) await holders.exchange()
    engine.isAway = true
    engine.now = 20_000
    await b.holders.exchange()
    expect(b.holders.of('Ada')).toBe(2)
    engine.now = 20_001
    await b.holders.exchange()
    expect(b.holders.of('Ada')).toBe(1)
    engine.isAway = false
    await b.holders.exchange()
    expect(b.holders.of('Ada')).toBe(2)
  })

  test('are let known in a note of bounded size: those of the holders with the most', async () => {
    const engine = createEngine()
    const [a, b] = [await engine.node('a'), await engine.node('b')]
    for (let index = 0; index < 50_000; index++) {
      a.holders.add(`visitor ${index}`)
      if (index < 3000) a.holders.add(`visitor ${index}`)
    }
    for (let count = 0; count < 5000; count++) a.holders.add('crowd')
    await a.holders.exchange()
    await b.holders.exchange()
    expect(engine.notes.get('a')!.byteLength).toBe(3001 * 16)
    expect([b.holders.of('crowd'), b.holders.of('visitor 2999'), b.holders.of('visitor 3000')]).toEqual([5000, 2, 0])
    expect(a.holders.of('visitor 3000')).toBe(1)
  })
})
