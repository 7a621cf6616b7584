import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { HubError } from '../../base/errors.ts'
import { openReplica, type Replica } from '../replica.ts'
import { files, openDataDirectory } from '../sqlite/data-directory.ts'
import { copyDirectoryOf, epochOfCopy } from './copy-directory.ts'

export interface CopyOptions {
  /** The directory of copies. */
  readonly directory: string
  readonly epoch: string
  readonly onError: (error: HubError) => void
}

/**
 * Opens the copy of a history in a directory of copies. Copies of other histories are of no use any
 * more, unless another process uses them. A damaged one is made anew: everything in it is where the history is sequenced.
 *
 * @throws HubError as `openReplica` does
 */
export async function openCopy({ directory, epoch, onError }: CopyOptions): Promise<Replica> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = copyDirectoryOf(directory, epoch)
  const open = async () => {
    let isIncomplete = false
    const replica = await openReplicaAt(path, { epoch, onError }, () => {
      isIncomplete = true
    })
    if (!isIncomplete) return replica
    // A store on its own could only tell of a gap: here the events are still to be had.
    await replica.close()
    throw new HubError('STORE_FAILED', 'it lacks events that it had.')
  }
  let replica: Replica
  try {
    replica = await open()
  } catch (error) {
    if (!(error instanceof HubError) || error.code !== 'STORE_FAILED') throw error
    onError(new HubError('STORE_FAILED', `The local copy is made anew: ${error.message}`, { cause: error }))
    rmSync(path, { recursive: true, force: true })
    replica = await open()
  }
  for (const other of readdirSync(directory)) {
    const otherEpoch = epochOfCopy(other)
    if (otherEpoch !== undefined && otherEpoch !== epoch) removeUnlessInUse(join(directory, other))
  }
  return replica
}

/**
 * Opens a copy while its source is away: it is all there is, so nothing is removed. If a power loss
 * took its last events, it is a shorter copy, and they are read from the source later.
 *
 * @throws HubError as `openReplica` does
 */
export async function openCopyAlone({ directory, epoch, onError }: CopyOptions): Promise<Replica> {
  const path = copyDirectoryOf(directory, epoch)
  const locked = openDataDirectory(path, 'fast')
  try {
    forgetAcknowledged(path)
  } finally {
    locked.close()
  }
  return await openReplicaAt(path, { epoch, onError }, () => {})
}

function openReplicaAt(
  directory: string,
  { epoch, onError }: Pick<CopyOptions, 'epoch' | 'onError'>,
  onLoss: () => void,
): Promise<Replica> {
  // What a power loss takes is read from the source again.
  return openReplica({ directory, epoch, durability: 'fast', maxBytes: Infinity, onError, onLoss })
}

/** What was acknowledged is in the source. Without this, events that are lost here would be a gap. */
function forgetAcknowledged(directory: string): void {
  rmSync(join(directory, files.head), { force: true })
}

function removeUnlessInUse(directory: string): void {
  try {
    openDataDirectory(directory, 'fast').close()
  } catch (error) {
    if (error instanceof HubError && error.code === 'STORE_LOCKED') return
  }
  rmSync(directory, { recursive: true, force: true })
}
