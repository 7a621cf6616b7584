import type { WriteStream } from 'node:tty'

/** What is written in which way. */
export type Style = 'strong' | 'faint' | 'good' | 'warning' | 'bad'

/** Writes text for one output: in colours if it is a terminal that has them, as it is otherwise. */
export interface Paint {
  readonly isColourful: boolean
  (style: Style, text: string): string
  /** In the colour of a name: the same name has the same colour, today and tomorrow. */
  named(name: string, text?: string): string
}

/**
 * How to write to an output. `NO_COLOR` (to anything) means no colours, `FORCE_COLOR` (to anything but
 * 0) colours also for what is not a terminal; the first wins.
 */
export function paintFor(stream: Pick<WriteStream, 'isTTY'>, environment: NodeJS.ProcessEnv = process.env): Paint {
  const isColourful = hasColours(stream, environment)
  const inside = (code: string, text: string) => (isColourful && text !== '' ? `\x1b[${code}m${text}\x1b[0m` : text)
  return Object.assign((style: Style, text: string) => inside(codes[style], text), {
    isColourful,
    named: (name: string, text = name) => inside(`38;5;${palette[(hashOf(name) >>> 8) % palette.length]}`, text),
  })
}

const codes: Readonly<Record<Style, string>> = { strong: '1', faint: '2', good: '32', warning: '33', bad: '31' }

/** Colours of 256 that can be read on black and on white. */
const palette = [33, 35, 37, 63, 71, 98, 130, 133, 136, 161, 166, 168, 172]

function hasColours({ isTTY }: Pick<WriteStream, 'isTTY'>, environment: NodeJS.ProcessEnv): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = environment
  if (NO_COLOR !== undefined && NO_COLOR !== '') return false
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
  return isTTY === true && TERM !== 'dumb'
}

/** FNV-1a, in 32 bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}
