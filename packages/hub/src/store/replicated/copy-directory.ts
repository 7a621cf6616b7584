import { join } from 'node:path'

/** Where the copy of a history is, in a directory of copies. */
export function copyDirectoryOf(directory: string, epoch: string): string {
  return join(directory, `copy-${epoch}`)
}

/** The epoch of a copy by the name of its directory; `undefined` for any other name. */
export function epochOfCopy(name: string): string | undefined {
  return /^copy-(?<epoch>[0-9a-z]{10})$/.exec(name)?.groups?.epoch
}
