const percent = 0x25

/** `%` and two digits for one byte. */
export const encodedPerByte = 3

/**
 * The byte of the percent-triplet at a position; `undefined` if there is none, because a `%` without
 * two hexadecimal digits stands for itself.
 */
export function encodedByteAt(bytes: Uint8Array, at: number): number | undefined {
  if (bytes[at] !== percent) return undefined
  const high = digitOf(bytes[at + 1])
  const low = digitOf(bytes[at + 2])
  return high < 0 || low < 0 ? undefined : high * 16 + low
}

/** How many bytes a form has when it is decoded. */
export function decodedLength(form: Uint8Array): number {
  let length = form.length
  for (let at = 0; at < form.length; at++) if (encodedByteAt(form, at) !== undefined) length -= encodedPerByte - 1
  return length
}

/** -1 for what is not a hexadecimal digit. */
function digitOf(code: number | undefined): number {
  if (code === undefined) return -1
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const lower = code | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}
