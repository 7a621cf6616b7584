/** An ID as a header carries it: Node writes each character of a header as one byte. */
export function headerValue(id: string): string {
  return Buffer.from(id).toString('latin1')
}
