import { expect, test } from 'vitest'
import { shownPosition } from '../shown-positions.ts'
import { LossChecker, type LossReceiver } from './loss-checker.ts'

// What it must find, and what not. Events 1 and 2 are kept, 3 and 4 are lost, and 5 and 6 have the positions of those.

const positions = [0, 1, 2, 3, 4, 3, 4]

test.each<{ says: string; got: readonly (number | string)[]; finds: readonly RegExp[] }>([
  { says: 'one who saw nothing that was lost', got: [1, 2, 5, 6], finds: [] },
  { says: 'one who saw what was lost, and was told', got: [1, 2, 3, 4, 'gap', 1, 2, 5, 6], finds: [] },
  { says: 'one who was told twice', got: [1, 2, 3, 'gap', 1, 2, 3, 4, 'gap', 1, 2, 5, 6], finds: [] },
  { says: 'one who was told a position that was lost', got: [1, 2, 'position 4', 'gap', 1, 2, 5, 6], finds: [] },
  { says: 'silence', got: [1, 2, 3, 6], finds: [/got 0:6.* without a gap, and had 3/, /without 0:5/] },
  {
    says: 'silence after a position',
    got: [1, 2, 'position 3', 6],
    finds: [/got 0:6.* without a gap, and had 3/, /without 0:5/],
  },
  { says: 'silence to the end', got: [1, 2, 3], finds: [/was never told/, /without 0:5/, /without 0:6/] },
  { says: 'a gap for nothing', got: [1, 2, 'gap', 1, 2, 5, 6], finds: [/had nothing that was lost/] },
  { says: 'one that is missing', got: [1, 5, 6], finds: [/got 0:5.* without 0:2/] },
  { says: 'one that is missing after a gap', got: [1, 2, 3, 'gap', 2, 5, 6], finds: [/got 0:2.* without 0:1/] },
  { says: 'one that comes twice', got: [1, 2, 2, 5, 6], finds: [/got 0:2.* once more, or too late/] },
  { says: 'a lost one that comes twice', got: [1, 2, 3, 3, 'gap', 1, 2, 5, 6], finds: [/got 0:3.* once more/] },
])('$says', ({ got, finds }) => {
  const checker = new LossChecker()
  publishAll(checker)
  checker.settle()
  const receiver = checker.subscriber({ name: 's', selects: () => true, mayHave: () => true, fromTheBeginning: true })
  for (const each of got) receive(receiver, each)
  const found = checker.check(history(1, 2, 5, 6))
  expect(found).toEqual(finds.map((find) => expect.stringMatching(find)))
})

test('a gap for nothing from a hub that has not noticed yet', () => {
  const checker = new LossChecker()
  publishAll(checker)
  const receiver = checker.subscriber({ name: 's', selects: () => true, mayHave: () => true, fromTheBeginning: true })
  receiver.connected()
  checker.settle()
  for (const each of [1, 2, 5, 'gap', 1, 2, 3, 'gap', 1, 2, 5, 6]) receive(receiver, each)
  expect(checker.check(history(1, 2, 5, 6))).toEqual([])
})

test('an event that was acknowledged when nothing could be lost, and is not there', () => {
  const checker = new LossChecker()
  publishAll(checker)
  expect(checker.check(history(1, 5, 6))).toEqual([expect.stringMatching(/^0:2 is not in the history, and was ackn/)])
  expect(checker.lostCount(history(1, 5, 6))).toBe(3)
})

function publishAll(checker: LossChecker): void {
  for (const number of [1, 2, 3, 4, 5, 6]) {
    if (number === 3 || number === 5) checker.changePhase()
    checker.publish({ publisher: 0, number, topics: ['a'], isPrivate: false, data: `0:${number} x` })
    checker.acknowledge({ publisher: 0, number }, '')
  }
}

function receive(receiver: LossReceiver, what: number | string): void {
  const number = typeof what === 'number' ? what : Number(what.split(' ')[1] ?? 0)
  const lastEventId = `abcdefghij.${positions[number]}.${number}`
  if (typeof what === 'number') receiver.receive({ type: 'message', data: `0:${number} x`, lastEventId })
  else receiver.receive({ type: what === 'gap' ? 'headwater-gap' : shownPosition, data: '', lastEventId })
}

function history(...numbers: number[]) {
  return numbers.map((number) => ({ position: positions[number]!, tag: number, data: `0:${number} x` }))
}
