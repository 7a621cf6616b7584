/**
 * Where a text stops being valid JSON, counted from 1. Quotes none of the text, unlike
 * `JSON.parse`.
 */
export function findJsonError(text: string): { readonly line: number; readonly column: number } {
  const before = text.slice(0, validLength(text)).split('\n')
  return { line: before.length, column: before.at(-1)!.length + 1 }
}

/** The length of the valid prefix: everything before the first token that cannot continue JSON. */
function validLength(text: string): number {
  /** The open arrays and objects. */
  const open: string[] = []
  let expected: 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end' = 'value'
  let at = 0
  for (;;) {
    token.lastIndex = at
    const { space = '', mark, string, scalar } = token.exec(text)!.groups!
    at += space.length
    const found = mark ?? string ?? scalar ?? ''
    const wantsValue = expected === 'value' || expected === 'value or end'
    const wantsKey = expected === 'key' || expected === 'key or end'
    if (wantsValue && (mark === '{' || mark === '[')) {
      open.push(mark)
      expected = mark === '{' ? 'key or end' : 'value or end'
    } else if (wantsValue && (string ?? scalar) !== undefined) expected = 'comma or end'
    else if (wantsKey && string !== undefined) expected = 'colon'
    else if (expected === 'colon' && mark === ':') expected = 'value'
    else if (expected === 'comma or end' && mark === ',' && open.length > 0) {
      expected = open.at(-1) === '{' ? 'key' : 'value'
    } else if (expected.endsWith('or end') && mark !== undefined && mark === endOf[open.at(-1) ?? '']) {
      open.pop()
      expected = 'comma or end'
    } else return at
    at += found.length
  }
}

const endOf: Readonly<Record<string, string>> = { '{': '}', '[': ']' }

const token =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: JSON strings may not contain them.
  /(?<space>[ \t\r\n]*)(?:(?<mark>[{}[\]:,])|(?<string>"(?:[^"\\\u0000-\u001f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*")|(?<scalar>true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?))?/y
