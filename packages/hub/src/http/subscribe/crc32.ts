/**
 * Returns the CRC-32 of two pieces of bytes from the CRC of each, without reading the bytes again.
 * The CRC of bytes that go to many receivers is computed once, and each receiver combines it with
 * the CRC of all it received before.
 *
 * To append n bytes to a message is to multiply its CRC, as a polynomial over two elements, by x^8n
 * modulo the CRC's polynomial, and to add the CRC of the appended bytes. Bits are in gzip's order:
 * the highest is x^0.
 */
export function combineCrc32(first: number, second: number, shift: CrcShift): number {
  return (multiply(shift, first) ^ second) >>> 0
}

/** x^8n: what appending n bytes does to a CRC. */
export type CrcShift = number

export function crcShift(byteLength: number): CrcShift {
  let shift = one
  // x^8, squared again and again.
  for (let rest = byteLength, power = one >>> 8; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) shift = multiply(power, shift)
    power = multiply(power, power)
  }
  return shift
}

/** x^0. */
const one = 0x80000000
/** [RFC 1952, 8] The polynomial of gzip's CRC, without x^32. */
const polynomial = 0xedb88320

function multiply(a: number, b: number): number {
  let product = 0
  let shifted = b
  for (let bits = a; bits !== 0; bits <<= 1) {
    if (bits < 0 || bits >= one) product ^= shifted
    shifted = shifted & 1 ? (shifted >>> 1) ^ polynomial : shifted >>> 1
  }
  return product >>> 0
}
