import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createEpoch, formatEventId, parseEventId } from '../../src/server/event-id.ts'

describe('an event ID', () => {
  const name = fc.stringMatching(/^[0-9a-z]{1,32}$/)

  test('that was written is read as what it was', () => {
    fc.assert(
      fc.property(name, fc.maxSafeNat(), fc.option(name, { nil: undefined }), (epoch, position, tag) => {
        const id = tag === undefined ? { epoch, position } : { epoch, position, tag }
        expect(parseEventId(formatEventId(id))).toEqual(id)
      }),
    )
  })

  test('has one spelling only: whatever is read would be written the same', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-zA-Z.]{0,20}$/), (text) => {
        const id = parseEventId(text)
        if (id) expect(formatEventId(id)).toBe(text)
      }),
      { numRuns: 5000 },
    )
  })

  test.each([
    ['the place before the first event', 'k3.0', { epoch: 'k3', position: 0 }],
    ['a position in base 36', 'k3.10', { epoch: 'k3', position: 36 }],
    ['the largest position', 'k3.2gosa7pa2gv', { epoch: 'k3', position: Number.MAX_SAFE_INTEGER }],
    ['a tag', 'k3.z.00x', { epoch: 'k3', position: 35, tag: '00x' }],
  ])('can be %s', (_, text, id) => {
    expect(parseEventId(text)).toEqual(id)
  })

  test.each([
    '',
    'k3',
    'k3.',
    '.1',
    'k3.01',
    'k3.-1',
    'k3.1.',
    'k3.1.2.3',
    'K3.1',
    'k3.A',
    'k3.1 ',
    ' k3.1',
    'k3.1\n',
    'k3.2gosa7pa2gw',
    `${'k'.repeat(33)}.1`,
  ])('is not %j', (text) => {
    expect(parseEventId(text)).toBeUndefined()
  })

  test('has an epoch of 10 letters and digits, hardly ever the same', () => {
    const epochs = Array.from({ length: 1000 }, createEpoch)
    for (const epoch of epochs) expect(epoch).toMatch(/^[0-9a-z]{10}$/)
    expect(new Set(epochs).size).toBe(1000)
    expect(new Set(epochs.join('')).size).toBe(36)
  })
})
