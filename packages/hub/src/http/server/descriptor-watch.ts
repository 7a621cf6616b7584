import { close, open } from 'node:fs'
import { devNull } from 'node:os'
import { promisify } from 'node:util'
import { HubError } from '../../base/errors.ts'

/** How often to look, and how often to report what lasts, in milliseconds. */
const everyMs = 5000
const reportEveryMs = 60_000
/** So few descriptors are as good as none: a burst of connections takes them between two looks. */
const few = 16

const openFile = promisify(open)

/**
 * Notices that the process has hardly a file descriptor left. Without one, the system drops new
 * connections, and Node says nothing.
 */
export class DescriptorWatch {
  readonly #onExhausted: (error: HubError) => void
  readonly #timer: NodeJS.Timeout
  readonly #limit = descriptorLimit()
  #isLooking = false
  #reportedAt = Number.NEGATIVE_INFINITY

  /** Calls `onExhausted` when it begins, and again each minute while it lasts. */
  constructor(onExhausted: (error: HubError) => void) {
    this.#onExhausted = onExhausted
    this.#timer = setInterval(() => this.#look(2), everyMs).unref()
  }

  /** Looks now: a connection has just taken a descriptor. */
  look(): void {
    this.#look(1)
  }

  #look(count: number): void {
    if (this.#isLooking) return
    this.#isLooking = true
    this.#take(count)
      .catch((error: NodeJS.ErrnoException) => {
        if (isOutOfDescriptors(error)) this.#report(outOfDescriptors(error))
      })
      .finally(() => {
        this.#isLooking = false
      })
  }

  /**
   * Takes descriptors for a moment, and gives them back. Two find out what one does not: a burst of
   * connections that came while one was taken may have left no other.
   */
  async #take(count: number): Promise<void> {
    const descriptor = await openFile(devNull, 'r')
    try {
      // [POSIX, open] The lowest number that is free: all below are in use.
      if (descriptor >= this.#limit - few) this.#report(outOfDescriptors(undefined, this.#limit))
      else if (count > 1) await this.#take(count - 1)
    } finally {
      close(descriptor)
    }
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #report(error: HubError): void {
    const now = performance.now()
    if (now - this.#reportedAt < reportEveryMs) return
    this.#reportedAt = now
    this.#onExhausted(error)
  }
}

/** How many descriptors this process may have; `Infinity` if that is not known. */
function descriptorLimit(): number {
  // In Node since version 22.0; its types lack it.
  const report = process.report as (NodeJS.ProcessReport & { excludeNetwork: boolean }) | undefined
  if (!report) return Infinity
  const { excludeNetwork } = report
  // Looking up the names of all its connections would take long.
  report.excludeNetwork = true
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } }
  report.excludeNetwork = excludeNetwork
  const limit = Number(userLimits?.open_files?.soft)
  return Number.isInteger(limit) ? limit : Infinity
}

/** Whether an error says that this process, or the whole system, has no file descriptor left. */
export function isOutOfDescriptors({ code }: NodeJS.ErrnoException): boolean {
  return code === 'EMFILE' || code === 'ENFILE'
}

export function outOfDescriptors(cause: NodeJS.ErrnoException | undefined, limit?: number): HubError {
  const whose = cause?.code === 'ENFILE' ? 'The system has' : 'This process has'
  const left = cause ? `no file descriptor left (${cause.code})` : `hardly one of its ${limit} file descriptors left`
  return new HubError(
    'OUT_OF_DESCRIPTORS',
    `${whose} ${left}. Without one, new connections are dropped; open ones go on. Each connection takes one: raise the limit (ulimit -n, LimitNOFILE= of systemd, --ulimit of a container) above --max-connections, or lower that.`,
    { cause },
  )
}
