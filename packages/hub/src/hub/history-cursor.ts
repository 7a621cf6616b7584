import { formatEventId } from '@headwater/sse/internal'
import type { Gap } from '@headwater/sse/server'
import type { HistoryPosition } from '../store/store.ts'
import { positionId } from './event-id.ts'
import type { HistoryPage } from './history-reader.ts'
import { positionOf, type StartingPoint } from './resume.ts'

/** A gap, and where it ends: a client that resumes from there misses nothing more. */
export interface GapBefore {
  readonly gap: Gap
  readonly end: HistoryPosition
}

/**
 * The place of a reader in the history: what it has, and what it must be told before anything else.
 */
export class HistoryCursor {
  /** The reader has all of its events up to here. */
  position: number
  /** The gap that its client must be told about before anything else. */
  gap: Extract<StartingPoint, { name: 'gap' }> | undefined
  /**
   * Whether it asked for whatever is kept, so that it misses nothing that is trimmed. Only until
   * its first page, or until it joins its feed.
   */
  acceptsTrimmed: boolean

  /** `head` is the position of the tail. */
  constructor(start: StartingPoint, head: number) {
    this.gap = start.name === 'gap' ? start : undefined
    this.acceptsTrimmed = start.name === 'gap' || start.name === 'earliest' || start.name === 'last'
    this.position = positionOf(start, head)
  }

  /**
   * Moves to the end of a page that was read from here. Returns the gap to report before the events
   * of the page.
   */
  moveThrough(page: HistoryPage, epoch: string): GapBefore | undefined {
    const gap = this.#gapBefore(page, epoch)
    this.position = page.through
    this.gap = undefined
    this.acceptsTrimmed = false
    return gap && { gap, end: page.gapEnd }
  }

  #gapBefore(page: HistoryPage, epoch: string): Gap | undefined {
    const earliest = page.earliest ? positionId(epoch, page.earliest) : null
    if (this.gap) return { reason: this.gap.reason, requested: this.gap.requested, earliest }
    // Trimmed while it read, because it reads more slowly than others publish.
    const isTrimmed = page.hasLost && !this.acceptsTrimmed
    if (!isTrimmed && !page.isDamaged) return undefined
    const requested = formatEventId({ epoch, position: this.position })
    return { reason: isTrimmed ? 'trimmed' : 'damaged', requested, earliest }
  }
}
