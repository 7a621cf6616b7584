/**
 * Text of others, as a terminal may show it: what is in an event must not move the cursor, change the
 * title of the window or recolour the rest. Control characters are written as `\x1b`; a tab and, unless
 * `lines` is false, a line break stay.
 */
export function shownText(text: string, { lines = true }: { readonly lines?: boolean } = {}): string {
  return text.replace(unshowable, (character) => {
    if (character === '\t' || (lines && character === '\n')) return character === '\t' && !lines ? ' ' : character
    const code = character.codePointAt(0)!
    return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`
  })
}

/** Control characters, and those that turn the direction of what follows. */
const unshowable = /[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** How many columns a text takes in a terminal: two for a wide character, none for what joins another, or is a colour. */
export function columnsOf(text: string): number {
  let columns = 0
  const bare = text.includes('\x1b') ? text.replace(colour, '') : text
  for (const { segment } of graphemes.segment(bare)) columns += widthOf(segment)
  return columns
}

/** A text in exactly so many columns: cut off with `…`, or filled up with blanks on the right or left. */
export function fitColumns(text: string, columns: number, side: 'left' | 'right' = 'left'): string {
  if (columns <= 0) return ''
  const cut = cutColumns(text, columns)
  const blanks = ' '.repeat(Math.max(0, columns - columnsOf(cut)))
  return side === 'left' ? cut + blanks : blanks + cut
}

/** A text in at most so many columns. */
export function cutColumns(text: string, most: number): string {
  // Most text is short and plain.
  if (text.length <= most && plain.test(text)) return text
  if (columnsOf(text) <= most) return text
  let columns = 0
  let cut = ''
  for (const { segment } of graphemes.segment(text)) {
    columns += widthOf(segment)
    if (columns > most - 1) break
    cut += segment
  }
  return most > 0 ? `${cut}…` : ''
}

/**
 * A text broken between words so that each line fits; further lines begin with so many blanks. A word that
 * is longer than a line has its own.
 */
export function wrapColumns(text: string, columns: number, indent = 0): string {
  const lines = ['']
  let used = 0
  for (const [index, word] of text.split(' ').entries()) {
    const width = columnsOf(word)
    if (used > 0 && used + 1 + width > columns) {
      lines.push(' '.repeat(indent) + word)
      used = indent + width
    } else {
      lines[lines.length - 1] += index === 0 ? word : ` ${word}`
      used += index === 0 ? width : 1 + width
    }
  }
  return lines.join('\n')
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a colour begins with.
const colour = /\x1b\[[\d;]*m/g
const plain = /^[\x20-\x7e]*$/
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}|\p{Extended_Pictographic}\ufe0f/u

function widthOf(grapheme: string): number {
  if (/^[\p{Mn}\p{Cf}]+$/u.test(grapheme)) return 0
  return wide.test(grapheme) ? 2 : 1
}
