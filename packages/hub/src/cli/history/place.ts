import { existsSync } from 'node:fs'
import { basename, join } from 'node:path'
import { HubError } from '../../base/errors.ts'
import { directoryOf } from '../../store/open.ts'
import { isPostgresUrl, withoutPassword } from '../../store/postgres/address.ts'
import { epochOfCopy } from '../../store/replicated/copy-directory.ts'
import { parseHubUrl } from '../options/hub-option.ts'

/** Where a history is: in a hub that runs, or in the directory of one. */
export type Place =
  | { readonly name: 'hub'; readonly url: URL }
  | { readonly name: 'directory'; readonly directory: string }

/** Parses a place: a URL, `file:DIRECTORY` or the path of a directory. */
export function parsePlace(text: string): Place {
  if (/^https?:\/\//i.test(text)) return { name: 'hub', url: parseHubUrl(text, 'the URL') }
  if (isPostgresUrl(text)) {
    throw new HubError(
      'INVALID_OPTION',
      `${withoutPassword(text)} is a database of several hubs. Give the URL of one of those hubs.`,
    )
  }
  const directory = directoryOf(text) ?? (/^[a-z][a-z0-9+.-]+:/i.test(text) ? undefined : text)
  if (directory) return { name: 'directory', directory }
  throw new HubError(
    'INVALID_OPTION',
    `${text.includes('@') ? 'This' : JSON.stringify(text)} is neither the URL of a hub nor a directory. Write it as http://127.0.0.1:3000 or ./headwater-data.`,
  )
}

/** Whether there is a history in a directory. */
export function hasHistory(directory: string): boolean {
  return existsSync(join(directory, 'headwater.db'))
}

/** The copy of a hub at the edge or of a node belongs to a history that is kept elsewhere. */
export function assertNoCopy(directory: string): void {
  if (epochOfCopy(basename(directory)) === undefined) return
  throw new HubError(
    'INVALID_OPTION',
    `${directory} is the copy of a history that is kept elsewhere. Change that one, by the URL of its hub.`,
  )
}
