import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { HistoryPosition, StoredEvent } from '../../src/store/store.ts'
import { typescript } from '../from-source.ts'
import { historyOf } from './damage-events.ts'

/** A history as its publishers know it. */
export interface Written {
  readonly epoch: string
  /** What was acknowledged, in order. The oldest are trimmed. */
  readonly events: readonly StoredEvent[]
  readonly keys: ReadonlyMap<number, string>
  /** Why it stopped before all was written. */
  readonly refused: string | undefined
}

/** The size of a history that is damaged. */
export const eventCount = 300

/** Writes a history in a process of its own, which is killed at its end, or closes it. */
export async function write(
  directory: string,
  { seed, ending, mostBlocks }: { seed: number; ending: 'kill' | 'close'; mostBlocks?: number },
): Promise<Written> {
  const parameters = [
    ...typescript(new URL('damage-writer.ts', import.meta.url)),
    ...[directory, String(seed), String(eventCount), ending],
  ]
  const [command, ...rest] =
    mostBlocks === undefined
      ? [process.execPath, ...parameters]
      : // No file grows beyond that: the disk is full at a random write.
        ['/bin/sh', '-c', `ulimit -f ${mostBlocks}; exec "$@"`, 'sh', process.execPath, ...parameters]
  const child = spawn(command!, rest, { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (text) => {
    stderr += text
  })
  const ended = once(child, 'close')
  const marks: HistoryPosition[] = []
  let epoch = ''
  let refused: string | undefined
  for await (const line of createInterface(child.stdout)) {
    const said = JSON.parse(line) as { epoch?: string; mark?: HistoryPosition; refused?: string; done?: true }
    if (said.epoch) epoch = said.epoch
    if (said.mark) marks.push(said.mark)
    if (said.refused) refused = said.refused
    if (said.done && ending === 'kill') child.kill('SIGKILL')
  }
  await ended
  if (epoch === '' && mostBlocks === undefined) throw new Error(`nothing was written: ${stderr}`)
  if (epoch === '') refused = stderr
  const keys = new Map<number, string>()
  const events: StoredEvent[] = []
  const all = historyOf(seed, eventCount)
  for (const mark of marks) {
    const { event, key } = all.next().value!
    events.push({ ...event, ...mark })
    if (key !== undefined) keys.set(mark.position, key)
  }
  return { epoch, events, keys, refused }
}
