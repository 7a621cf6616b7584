// Writes a history into a directory and says what is acknowledged, a line of JSON each. Then it waits to be killed, or, told so,
// closes the history. It stops at the first refusal, as on a full disk.
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { EventRecord, HistoryPosition } from '../../src/store/store.ts'
import { historyOf } from './damage-events.ts'

const [directory, seed, count, ending] = process.argv.slice(2) as [string, string, string, 'kill' | 'close']
const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`)

const store = await openSqliteStore({ directory, maxEvents: Math.ceil(Number(count) * 0.8), onError: () => {} })
say({ epoch: store.epoch })
const append = async (event: EventRecord, idempotencyKey: string | undefined): Promise<HistoryPosition | undefined> => {
  try {
    return await store.append(event, { idempotencyKey })
  } catch (error) {
    say({ refused: String(error) })
    return undefined
  }
}
for (const { event, key } of historyOf(Number(seed), Number(count))) {
  const mark = await append(event, key)
  if (!mark) break
  say({ mark })
}
if (ending === 'close') await store.close()
say({ done: true })
if (ending === 'kill') setInterval(() => {}, 2 ** 31 - 1)
