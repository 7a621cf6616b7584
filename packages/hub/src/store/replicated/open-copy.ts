import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { HubError } from '../../base/errors.ts'
import { openReplica, type Replica } from '../replica.ts'
import { openDataDirectory } from '../sqlite/data-directory.ts'

/**
 * Opens the copy of a history in a directory of copies. Copies of other histories are of no use any
 * more, unless another process uses them. A damaged one is made anew: everything in it is where the history is sequenced.
 *
 * @throws HubError as `openReplica` does
 */
export async function openCopy(directory: string, epoch: string, onError: (error: HubError) => void): Promise<Replica> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const name = `copy-${epoch}`
  const open = async () => {
    let isIncomplete = false
    const replica = await openReplica({
      directory: join(directory, name),
      epoch,
      // What a power loss takes is read from the source again.
      durability: 'fast',
      maxBytes: Infinity,
      onError,
      onLoss: () => {
        isIncomplete = true
      },
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
    rmSync(join(directory, name), { recursive: true, force: true })
    replica = await open()
  }
  for (const other of readdirSync(directory)) {
    if (/^copy-[0-9a-z]{10}$/.test(other) && other !== name) removeUnlessInUse(join(directory, other))
  }
  return replica
}

function removeUnlessInUse(directory: string): void {
  try {
    openDataDirectory(directory, 'fast').close()
  } catch (error) {
    if (error instanceof HubError && error.code === 'STORE_LOCKED') return
  }
  rmSync(directory, { recursive: true, force: true })
}
