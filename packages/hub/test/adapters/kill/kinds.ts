/** Which adapter a stream of the run goes through: the beginning of its name. */
export const kinds = ['ai', 'tanstack-ai', 'trpc', 'mcp'] as const
export type Kind = (typeof kinds)[number]

export function kindOf(name: string): Kind {
  return name.slice(0, name.indexOf('/')) as Kind
}

/** The run of TanStack's, whose adapter puts the kind before it. */
export function runIdOf(name: string): string {
  return name.slice(name.indexOf('/') + 1)
}

/** What a reader has of a stream at its end. */
export interface Reading {
  readonly tokens: readonly string[]
  /** Whether the library said that it is complete. */
  readonly isComplete: boolean
}
