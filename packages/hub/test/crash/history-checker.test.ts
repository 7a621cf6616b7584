import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { openStore } from '../store/temporary-store.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { crashEvent } from './crash-events.ts'
import { HistoryChecker } from './history-checker.ts'

describe('the checker of the crash test', () => {
  test('finds nothing wrong with a history of which nothing is', async () => {
    const { checker } = await checkedHistory()
    expect(checker.check()).toEqual([])
  })

  test.each([
    ['an event that is gone', 'DELETE FROM event WHERE position = 7', '2:0 was acknowledged at 7'],
    ['the newest event gone', 'DELETE FROM event WHERE position = 12', '3:2 was acknowledged at 12'],
    ['half an event', 'UPDATE event SET data = substr(data, 1, 8) WHERE position = 5', 'the event at 5 is not whole'],
    ['an event under another tag', 'UPDATE event SET tag = tag + 1 WHERE position = 5', '1:1 was acknowledged at 5'],
    [
      'events in another order',
      'UPDATE event SET data = (SELECT data FROM event WHERE position = 3) WHERE position = 2',
      '0:2 at 2, where 1 was next',
    ],
    [
      'an event that its topic does not list',
      "DELETE FROM event_topic WHERE topic = 'every third' AND position = 4",
      'not listed by its topic: 4 every third',
    ],
    ['a topic that lists what is not there', "INSERT INTO event_topic VALUES ('x', 5)", 'topic x lists 5'],
    [
      'two of three',
      'DELETE FROM event WHERE position >= 12; DELETE FROM event_topic WHERE position >= 12',
      'of three of publisher 3',
    ],
    [
      'more trimmed than may be',
      'UPDATE history SET trimmed_position = 3; DELETE FROM event WHERE position <= 3',
      'kept, of at least 12',
    ],
  ])('finds %s', async (_what, tamper, finding) => {
    const { checker, file } = await checkedHistory()
    const database = new DatabaseSync(file)
    database.exec(tamper)
    database.close()
    expect(checker.check().join('\n')).toContain(finding)
  })

  test('finds that a history which was checked before has changed', async () => {
    const { checker, file } = await checkedHistory()
    checker.check()
    const database = new DatabaseSync(file)
    database.exec('DELETE FROM event WHERE position > 10; DELETE FROM event_topic WHERE position > 10')
    database.close()
    expect(checker.check().join('\n')).toContain('the head went back from 12 to 10')
  })
})

/** Four publishers with three events each, all acknowledged; the last publisher counts as one that appends by threes. */
async function checkedHistory() {
  const directory = temporaryDirectory()
  const store = await openStore(directory)
  const checker = new HistoryChecker({ directory, maxEvents: 12, publishers: 4, firstOfThrees: 3 })
  for (let publisher = 0; publisher < 4; publisher++) {
    for (let number = 0; number < 3; number++) {
      checker.acknowledge({ publisher, number, ...(await store.append(crashEvent(publisher, number))) })
    }
  }
  await store.close()
  return { checker, file: join(directory, 'headwater.db') }
}
