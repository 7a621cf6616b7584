import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite'
import { sqliteCode, sqliteCodeOf, UncertainCommit } from './failure.ts'

/** A statement whose rows are arrays: half the cost of objects. */
export interface Query<Row extends readonly unknown[]> {
  get(...parameters: SQLInputValue[]): Row | undefined
  all(...parameters: SQLInputValue[]): Row[]
  iterate(...parameters: SQLInputValue[]): Iterable<Row>
  run(...parameters: SQLInputValue[]): { changes: number | bigint }
}

/** The database of a history, and the prepared statements on it. Everything is synchronous. */
export class Connection {
  readonly #database: DatabaseSync
  readonly #statements: Statement<never>[] = []
  readonly #begin: Query<never>
  readonly #commit: Query<never>
  readonly #rollback: Query<never>

  constructor(database: DatabaseSync) {
    this.#database = database
    this.#begin = this.prepare('BEGIN IMMEDIATE')
    this.#commit = this.prepare('COMMIT')
    this.#rollback = this.prepare('ROLLBACK')
  }

  /** Prepares a statement for as long as the connection lasts. */
  prepare<Row extends readonly unknown[] = never>(sql: string): Query<Row> {
    const statement = new Statement<Row>(this.#database, sql)
    this.#statements.push(statement as Statement<never>)
    return statement
  }

  /**
   * Writes in one transaction. When it returns, what was written is as safe as the durability says;
   * if it throws, nothing was written.
   *
   * @throws UncertainCommit
   */
  transaction(write: () => void): void {
    let isCommitting = false
    try {
      this.#begin.run()
      write()
      isCommitting = true
      this.#commit.run()
    } catch (error) {
      this.recover()
      // SQLite notices a full disk before it syncs anything.
      if (!isCommitting || sqliteCodeOf(error) === sqliteCode.full) throw error
      throw new UncertainCommit('The commit failed', { cause: error })
    }
  }

  /** Like {@link transaction}, but not safe from a power loss until the next transaction is. */
  transactionWithoutSync(write: () => void): void {
    const synchronous = Number(Object.values(this.#database.prepare('PRAGMA synchronous').get()!)[0])
    this.#database.exec('PRAGMA synchronous = NORMAL')
    try {
      this.transaction(write)
    } finally {
      this.#database.exec(`PRAGMA synchronous = ${synchronous}`)
    }
  }

  /** Makes the connection usable again after an error. */
  recover(): void {
    // After some errors, SQLite has already rolled back.
    if (this.#database.isTransaction) this.#rollback.run()
    for (const statement of this.#statements) statement.prepare()
  }
}

class Statement<Row extends readonly unknown[]> implements Query<Row> {
  readonly #database: DatabaseSync
  readonly #sql: string
  #statement!: StatementSync

  constructor(database: DatabaseSync, sql: string) {
    this.#database = database
    this.#sql = sql
    this.prepare()
  }

  /**
   * Prepares the statement again: if it failed during an iteration, it would report that failure
   * again when it is used next.
   */
  prepare(): void {
    this.#statement = this.#database.prepare(this.#sql)
    this.#statement.setReturnArrays(true)
  }

  get(...parameters: SQLInputValue[]): Row | undefined {
    return this.#statement.get(...parameters) as unknown as Row | undefined
  }

  all(...parameters: SQLInputValue[]): Row[] {
    return this.#statement.all(...parameters) as unknown as Row[]
  }

  iterate(...parameters: SQLInputValue[]): Iterable<Row> {
    return this.#statement.iterate(...parameters) as unknown as Iterable<Row>
  }

  run(...parameters: SQLInputValue[]): { changes: number | bigint } {
    return this.#statement.run(...parameters)
  }
}
