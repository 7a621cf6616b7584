/** A message as a library hands it to its user: a line of its reader's output. */
export interface Message {
  readonly type?: string | null
  readonly data?: string | null
}

/** The number in an event that was published, `{"row":N}`; of other messages, undefined. */
export function rowOf({ data }: Message): number | undefined {
  const row = /^\{"row":(\d+)\}$/.exec(data ?? '')?.[1]
  return row === undefined ? undefined : Number(row)
}
