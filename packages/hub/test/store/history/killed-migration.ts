// Migrates the database of the path given, and is killed when all of it is done but the commit.
import { DatabaseSync } from 'node:sqlite'
import { migrate, migrations } from '../../../src/store/history/schema.ts'

const database = new DatabaseSync(process.argv[2]!)
database.exec('PRAGMA journal_mode = WAL')
// With so small a cache SQLite writes to its log before the commit.
database.exec('PRAGMA cache_size = 1')
database.function('die', () => {
  process.kill(process.pid, 'SIGKILL')
  return 0
})
migrate(database, 1, [...migrations, 'SELECT die()'])
