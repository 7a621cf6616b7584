import { describe, expect, test } from 'vitest'
import { Turns } from '../../src/hub/turns.ts'

/** Work that ends when told to. */
function work() {
  const begun: string[] = []
  const ends = new Map<string, () => void>()
  return {
    begun,
    end: (name: string) => ends.get(name)!(),
    of: (name: string) => () => {
      begun.push(name)
      return new Promise<string>((resolve) => {
        ends.set(name, () => resolve(name))
      })
    },
  }
}

describe('turns', () => {
  test('are taken by so many at once, and then in the order in which they were asked for', async () => {
    const turns = new Turns(2)
    const { begun, end, of } = work()
    const all = ['a', 'b', 'c', 'd'].map((name) => turns.take(undefined, of(name)))
    await Promise.resolve()
    expect(begun).toEqual(['a', 'b'])
    end('b')
    await all[1]
    expect(begun).toEqual(['a', 'b', 'c'])
    end('a')
    end('c')
    await Promise.all([all[0], all[2]])
    end('d')
    expect(await Promise.all(all)).toEqual(['a', 'b', 'c', 'd'])
  })

  test('are passed on when the work fails', async () => {
    const turns = new Turns(1)
    const failing = turns.take(undefined, () => Promise.reject(new Error('broken')))
    const next = turns.take(undefined, async () => 'done')
    await expect(failing).rejects.toThrow('broken')
    expect(await next).toBe('done')
  })

  test('are not taken by who has left, before or while waiting', async () => {
    const turns = new Turns(1)
    const { begun, end, of } = work()
    const controllers = ['a', 'b', 'c'].map(() => new AbortController())
    const [a, b, c] = ['a', 'b', 'c'].map((name, index) => turns.take(controllers[index]!.signal, of(name)))
    controllers[1]!.abort(new Error('left'))
    await expect(b).rejects.toThrow('left')
    // Not for whoever has begun: that is the work's own affair.
    controllers[0]!.abort()
    end('a')
    expect(await a).toBe('a')
    await Promise.resolve()
    expect(begun).toEqual(['a', 'c'])
    end('c')
    await c
    await expect(turns.take(controllers[0]!.signal, of('d'))).rejects.toThrow()
    expect(begun).toEqual(['a', 'c'])
  })
})
