import { createRequire } from 'node:module'
import type { DatabaseSync } from 'node:sqlite'
import { HubError } from '../../base/errors.ts'

type Sqlite = typeof import('node:sqlite')

/**
 * Opens an SQLite database. Loads the module only now: older versions of Node.js lack it, and there
 * everything that needs no disk still works.
 */
export function createDatabase(...parameters: ConstructorParameters<Sqlite['DatabaseSync']>): DatabaseSync {
  const { DatabaseSync } = load()
  return new DatabaseSync(...parameters)
}

function load(): Sqlite {
  try {
    return createRequire(import.meta.url)('node:sqlite') as Sqlite
  } catch (cause) {
    throw new HubError(
      'INVALID_OPTION',
      `A store on disk needs Node.js 22.13 or later, and this is ${process.version}. Use a newer Node.js, or a store in memory (--store memory:).`,
      { cause },
    )
  }
}
