import { readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyDirectoryOf, epochOfCopy } from './copy-directory.ts'

/** In the directory of a copy that was complete once: the name of what it is a copy of. */
const fileName = 'copy-of'

/**
 * Returns the epoch of the copy that a hub may serve when its source is away: one that was complete
 * once, of the same source. `undefined` if there is none. Of several, the one that was used last.
 */
export function findCompleteCopy(directory: string, source: string): string | undefined {
  const found: { epoch: string; usedAt: number }[] = []
  for (const name of namesIn(directory)) {
    const epoch = epochOfCopy(name)
    if (epoch === undefined) continue
    const file = join(directory, name, fileName)
    if (readIfThere(file) === `${source}\n`) found.push({ epoch, usedAt: statSync(file).mtimeMs })
  }
  return found.sort((one, other) => other.usedAt - one.usedAt)[0]?.epoch
}

/** Records that a copy is complete now, and of which source it is. */
export function recordCompleteCopy(directory: string, epoch: string, source: string): void {
  const file = join(copyDirectoryOf(directory, epoch), fileName)
  writeFileSync(`${file}.new`, `${source}\n`, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

function namesIn(directory: string): readonly string[] {
  return unlessMissing(() => readdirSync(directory)) ?? []
}

function readIfThere(file: string): string | undefined {
  return unlessMissing(() => readFileSync(file, 'utf8'))
}

function unlessMissing<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
