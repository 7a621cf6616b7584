/**
 * `fault`: it breaks for users. `warning`: it breaks for some, or in some situations. `note`: good to
 * know. `ok`: was looked at and is well.
 */
export type Severity = 'fault' | 'warning' | 'note' | 'ok'

/** A result of the examination of an endpoint. */
export interface Finding {
  /** Stable, for scripts: in kebab case. */
  readonly id: string
  readonly severity: Severity
  /** What was seen, with values. One sentence. */
  readonly seen: string
  /** What it means to users. */
  readonly why?: string
  /** What to change. */
  readonly fix?: readonly Fix[]
}

export interface Fix {
  /** Whose configuration or code: `nginx`, `in the application`. */
  readonly where: string
  readonly lines: readonly string[]
}
