import { describe, expect, test } from 'vitest'
import { SharedWork } from '../../src/hub/shared-work.ts'

function begin() {
  const signals: AbortSignal[] = []
  const ends: ((result: string) => void)[] = []
  const work = (signal: AbortSignal) => {
    signals.push(signal)
    return new Promise<string>((resolve, reject) => {
      ends.push(resolve)
      signal.addEventListener('abort', () => reject(signal.reason))
    })
  }
  return { shared: new SharedWork<string>(), signals, ends, work }
}

describe('shared work', () => {
  test('is done once for all who want it at the same time, and anew after that', async () => {
    const { shared, ends, work } = begin()
    const both = [shared.do('a', work), shared.do('a', work), shared.do('b', work)]
    expect(shared.has('a')).toBe(true)
    expect(ends.length).toBe(2)
    ends[0]!('A')
    ends[1]!('B')
    expect(await Promise.all(both)).toEqual(['A', 'A', 'B'])
    expect(shared.has('a')).toBe(false)
    const again = shared.do('a', work)
    ends[2]!('again')
    expect(await again).toBe('again')
  })

  test('goes on until the last has left who wants it, each of whom is told at once', async () => {
    const { shared, signals, work } = begin()
    const controllers = [new AbortController(), new AbortController()]
    const [first, second] = controllers.map(({ signal }) => shared.do('a', work, signal))
    controllers[0]!.abort(new Error('left'))
    await expect(first).rejects.toThrow('left')
    expect(signals[0]!.aborted).toBe(false)
    controllers[1]!.abort(new Error('left, too'))
    await expect(second).rejects.toThrow('left, too')
    expect(signals[0]!.aborted).toBe(true)
    expect(shared.has('a')).toBe(false)
  })

  test('is not stopped for who wants it to the end, nor begun for who has left', async () => {
    const { shared, signals, ends, work } = begin()
    const controller = new AbortController()
    const staying = shared.do('a', work)
    const leaving = shared.do('a', work, controller.signal)
    controller.abort(new Error('left'))
    await expect(leaving).rejects.toThrow('left')
    await expect(shared.do('b', work, controller.signal)).rejects.toThrow('left')
    expect([signals.length, signals[0]!.aborted]).toEqual([1, false])
    ends[0]!('done')
    expect(await staying).toBe('done')
  })

  test('that fails fails for all', async () => {
    const { shared } = begin()
    const fail = () => Promise.reject(new Error('broken'))
    const all = [shared.do('a', fail), shared.do('a', fail, new AbortController().signal)]
    for (const each of await Promise.allSettled(all)) expect(each.status).toBe('rejected')
    expect(shared.has('a')).toBe(false)
  })
})
