import pg from 'pg'
export interface ServerOptions {
  /** Further settings. */
  readonly settings?: Readonly<Record<string, string>>
  /** The server that this one is a standby of. */
  readonly primary?: PostgresServer
}
/** A PostgreSQL of its own: a process and a data directory that are gone when it is disposed of. */
export declare class PostgresServer {
  #private
  readonly port: number
  static start({ settings, primary }?: ServerOptions): Promise<PostgresServer>
  private constructor()
  get pid(): number
  /** The URL of a store in this server's database. */
  url(parameters?: Readonly<Record<string, string>>): string
  /** Starts the process, and resolves when it answers. */
  up(): Promise<void>
  query(text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]>
  /** A client of its own; the caller ends it. */
  connect(user?: string): Promise<pg.Client>
  /** Stops it with a signal: SIGINT ends its sessions, SIGQUIT is a crash that spares its children. */
  down(signal?: 'SIGINT' | 'SIGQUIT'): Promise<void>
  /** A crash: the server and all its processes are killed at once. */
  kill(): Promise<void>
  /** Copies the files of the stopped server aside, or back. */
  save(): void
  restore(): void
  /** Makes a standby a primary. */
  promote(): Promise<void>
  dispose(): Promise<void>
}
