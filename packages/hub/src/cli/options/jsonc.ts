/**
 * JSON with comments (`//` and `/* *\/`) and with a comma after the last item, as JSON without: in their
 * places are blanks, so that a place in the one is the same in the other.
 */
export function withoutComments(text: string): string {
  const blank = (part: string) => part.replace(/[^\n\r]/g, ' ')
  const bare = text.replace(token, (part) => (part.startsWith('"') ? part : blank(part)))
  return bare.replace(lastComma, (part) => (part.startsWith('"') ? part : ` ${part.slice(1)}`))
}

const string = '"(?:[^"\\\\\\n]|\\\\.)*"?'
const token = new RegExp(`${string}|//[^\\n\\r]*|/\\*[\\s\\S]*?(?:\\*/|$)`, 'g')
const lastComma = new RegExp(`${string}|,(?=\\s*[}\\]])`, 'g')
