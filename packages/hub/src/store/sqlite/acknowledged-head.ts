import { closeSync, constants, fdatasync, fdatasyncSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { checksumOfValues } from '../history/checksum.ts'
import type { Known, Loss } from '../history/history-log.ts'
import type { HistoryPosition } from '../store.ts'
import { files } from './data-directory.ts'
import type { HistoryEnd } from './history-end.ts'
import { makePrivate } from './private-files.ts'

/** How often the record is synced while it changes, in milliseconds. */
export const recordSyncMs = 1000

/** Each on a sector of its own: a write that fails half-way leaves the other. */
const slotBytes = 512

interface HeadRecord extends HistoryPosition {
  readonly epoch: string
  /** The time by which events aged. */
  readonly time: number
  /** The run of the machine, by its system; empty if that does not say. */
  readonly boot: string
  readonly generation: number
}

/**
 * Keeps the newest acknowledged position apart from the database and its log, in two slots that are
 * written in turn. A slot is written after each commit and before the events are acknowledged, so
 * that the record never says more than what was committed, and never less than what was
 * acknowledged, however the process ends. It is synced by itself, beside the commits and at most
 * once a second: a power loss may take the record back by that, which the next start says.
 */
export class AcknowledgedHead {
  readonly #file: number
  readonly #last: HeadRecord | undefined
  readonly #isWhole: boolean
  readonly #boot = bootId()
  readonly #slot = Buffer.alloc(slotBytes)
  #generation: number
  #syncTimer: NodeJS.Timeout | undefined
  #isSyncing = false

  constructor(directory: string) {
    const { records, isWhole } = readHeadFile(directory)
    this.#last = records[0]
    this.#isWhole = isWhole
    this.#generation = this.#last?.generation ?? 0
    const path = join(directory, files.head)
    makePrivate(path, { create: false })
    this.#file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  }

  /** What it knows of the history with an epoch. */
  knownOf(epoch: string): Known {
    return this.#last?.epoch === epoch ? { acknowledged: this.#last, time: this.#last.time } : {}
  }

  /** Compares the history in the database with what was acknowledged. */
  compare(epoch: string, loss: Loss | undefined): HistoryEnd {
    if (!this.#last) return { name: 'unknown' }
    const { position, boot } = this.#last
    if (this.#last.epoch !== epoch) return { name: 'replaced', epoch: this.#last.epoch, position }
    if (loss) return { name: 'lost', ...loss }
    return { name: 'reached', position, isExact: this.#isWhole && boot !== '' && boot === this.#boot }
  }

  /** Records a position that is committed. Throws as `writeSync` does. */
  write(epoch: string, { position, tag }: HistoryPosition, time: number): void {
    this.#generation++
    const values = [epoch, position, tag, Math.round(time), this.#boot, this.#generation]
    const text = `${values.join(' ')} ${checksumOfValues(values)}\n`
    this.#slot.fill(0x20)
    this.#slot.write(text)
    writeSync(this.#file, this.#slot, 0, slotBytes, (this.#generation % 2) * slotBytes)
    this.#syncSoon()
  }

  close(): void {
    clearTimeout(this.#syncTimer)
    try {
      fdatasyncSync(this.#file)
    } finally {
      closeSync(this.#file)
    }
  }

  #syncSoon(): void {
    if (this.#syncTimer || this.#isSyncing) return
    this.#syncTimer = setTimeout(() => {
      this.#syncTimer = undefined
      this.#isSyncing = true
      // In a thread of the system's: commits go on. If it fails, the record is only older.
      fdatasync(this.#file, () => {
        this.#isSyncing = false
      })
    }, recordSyncMs).unref()
  }
}

/** The newest acknowledged position by the record in a directory, and its epoch. */
export function readAcknowledged(directory: string): (HistoryPosition & { readonly epoch: string }) | undefined {
  return readHeadFile(directory).records[0]
}

/** Returns what the slots say, the newest first. `isWhole`: no slot is damaged. */
function readHeadFile(directory: string): { readonly records: readonly HeadRecord[]; readonly isWhole: boolean } {
  let bytes: Buffer
  try {
    bytes = readFileSync(join(directory, files.head))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return { records: [], isWhole: false }
  }
  const slots = [bytes.subarray(0, slotBytes), bytes.subarray(slotBytes, 2 * slotBytes)]
  const records = slots.map(parseSlot)
  const intact = records.filter((record) => record !== undefined).sort((a, b) => b.generation - a.generation)
  const [newest, other] = intact
  return { records: intact, isWhole: newest?.generation === 1 || newest?.generation === (other?.generation ?? NaN) + 1 }
}

function parseSlot(slot: Buffer): HeadRecord | undefined {
  const line = /^(\w+) (\d+) (\d+) (-?\d+) ([\w-]*) (\d+) (\d+)\n/.exec(slot.toString('latin1'))
  if (!line) return undefined
  const [, epoch = '', position, tag, time, boot = '', generation, checksum] = line
  const numbers = { position: Number(position), tag: Number(tag), time: Number(time), generation: Number(generation) }
  const values = [epoch, numbers.position, numbers.tag, numbers.time, boot, numbers.generation]
  return checksumOfValues(values) === Number(checksum) ? { epoch, boot, ...numbers } : undefined
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    return ''
  }
}
