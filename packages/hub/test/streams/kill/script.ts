/** What the processes of one run have in common. */
export interface Script {
  readonly seed: number
  /** How many tokens each stream has. */
  readonly tokens: number
  /** The longest pause between two tokens, in milliseconds. */
  readonly maxPauseMs: number
}

/** Reads what the process was started with. */
export function readArguments<T>(): T {
  return JSON.parse(process.argv[2]!) as T
}

/** The n-th token of a stream: text that tells where it belongs, with what breaks easily. */
export function tokenOf(name: string, n: number): string {
  return `${name}:${n}${[' ', '\n', ' é', ' 👩‍💻', '\n\n', ' {"a":1}'][n % 6]}`
}

/** A pause before the next token, the same in each run of a seed. */
export function pauseBefore({ seed, maxPauseMs }: Script, name: string, n: number): Promise<void> {
  let state = seed + n * 7919
  for (const character of name) state = (Math.imul(state, 31) + character.codePointAt(0)!) | 0
  const part = (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0) / 2 ** 32
  return new Promise((resolve) => setTimeout(resolve, part * maxPauseMs))
}
