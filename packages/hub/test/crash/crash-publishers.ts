// The process that is killed: opens the store of a directory and publishes, each publisher from the number it is told on,
// saying of each event when it is acknowledged, to a standard output that is a file. When enough are, it says that to whoever
// started it, and goes on: it never stops by itself.
//
//   node crash-publishers.ts '{"directory":"…","durability":"full","maxEvents":3000,"next":[0,0,…],"enough":500}'
import { writeSync } from 'node:fs'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { HistoryPosition } from '../../src/store/store.ts'
import { type CrashJob, crashEvent, crashKey, firstOfThrees } from './crash-events.ts'

const { directory, durability, maxEvents, next, enough } = JSON.parse(process.argv[2]!) as CrashJob
const store = await openSqliteStore({ directory, durability, maxEvents })
let acknowledged = 0
await Promise.all(
  next.map((number, publisher) => (publisher < firstOfThrees ? single(publisher, number) : threes(publisher, number))),
)

async function single(publisher: number, from: number): Promise<void> {
  for (let number = from; ; number++) {
    const mark = await store.append(crashEvent(publisher, number), { idempotencyKey: crashKey(publisher, number) })
    acknowledge(publisher, number, mark)
  }
}

async function threes(publisher: number, from: number): Promise<void> {
  for (let number = from; ; number += 3) {
    const appends = [number, number + 1, number + 2].map((number) => ({
      event: crashEvent(publisher, number),
      idempotencyKey: crashKey(publisher, number),
    }))
    const marks = await store.appendAll!(appends)
    for (const [index, mark] of marks.entries()) acknowledge(publisher, number + index, mark)
  }
}

function acknowledge(publisher: number, number: number, { position, tag }: HistoryPosition): void {
  say(`${publisher} ${number} ${position} ${tag}`)
  acknowledged += 1
  if (acknowledged === enough) process.send?.('enough')
}

/** What is written to a file is there, whatever happens next; into a pipe that is full, Node would write it later. */
function say(line: string): void {
  writeSync(1, `${line}\n`)
}
