import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { typescript } from '../from-source.ts'
import { type CrashJob, firstOfThrees, publishers } from './crash-events.ts'
import { HistoryChecker } from './history-checker.ts'

/** Together, beside those of the whole system in `system.test.ts`; `npm run test:crash` asks for more. */
const kills = Number(process.env.HEADWATER_CRASH_KILLS ?? 40)
/** Nothing here depends on the speed of the machine: only a process that hangs takes so long. */
const timeout = 60_000 + kills * 30_000
const maxEvents = 3000

describe.concurrent(`a process killed with SIGKILL at a random moment, ${kills} times, with ${publishers} publishers at work`, () => {
  test.each([
    ['full', Math.ceil(kills / 2)],
    ['fast', Math.floor(kills / 2)],
  ] as const)(
    'leaves every acknowledged event in the history once, whole and in order, and publishers that retry by key repeat nothing (%s)',
    { timeout },
    async (durability, times) => {
      const directory = mkdtempSync(join(tmpdir(), 'headwater-crash-'))
      const checker = new HistoryChecker({ directory, maxEvents, publishers, firstOfThrees })
      let untold = 0
      try {
        for (let kill = 1; kill <= times; kill++) {
          const enough = 1 + Math.floor(Math.random() * 1500)
          await publishUntilKilled(checker, { directory, durability, maxEvents, next: checker.nextNumbers(), enough })
          const wrong = checker.check()
          expect(wrong.slice(0, 20), `after kill ${kill}`).toEqual([])
          untold += checker.storedCount - checker.acknowledgedCount
        }
        const { acknowledgedCount, trimmedCount } = checker
        console.log(
          `${durability}: ${times} kills; of ${acknowledgedCount} events acknowledged 0 lost (${trimmedCount} trimmed since); ` +
            `${untold} were stored though their publisher was killed before it knew, and not stored again when it repeated them`,
        )
        // It would all be true of a history of nothing.
        expect(acknowledgedCount).toBeGreaterThan(times)
      } finally {
        rmSync(directory, { recursive: true })
        rmSync(`${directory}.said`)
      }
    },
  )
})

async function publishUntilKilled(checker: HistoryChecker, job: CrashJob): Promise<void> {
  const program = typescript(new URL('crash-publishers.ts', import.meta.url))
  const said = openSync(`${job.directory}.said`, 'w+')
  try {
    const child = spawn(process.execPath, [...program, JSON.stringify(job)], {
      stdio: ['ignore', said, 'inherit', 'ipc'],
    })
    const ended = once(child, 'exit')
    // One in ten is killed while it starts: as it makes the history, or finds what the last one left.
    if (Math.random() < 0.1) await pause(Math.random() * 120)
    else {
      await Promise.race([once(child, 'message'), ended])
      await pause(Math.random() * 20)
    }
    expect(child.exitCode, 'the exit code of a process that ended before it was killed').toBeNull()
    child.kill('SIGKILL')
    await ended
    // The last line may be cut off: what was not said whole was not said.
    for (const line of readFileSync(`${job.directory}.said`, 'utf8').split('\n').slice(0, -1)) {
      const [publisher, number, position, tag] = line.split(' ').map(Number) as [number, number, number, number]
      checker.acknowledge({ publisher, number, position, tag })
    }
  } finally {
    closeSync(said)
  }
}
