// A tar archive that is the same whenever it is made of the same files: sorted, without times, owned by root.

/**
 * An entry. `data`: a file; without it a folder.
 *
 * @typedef {{ path: string, data?: Buffer, mode?: number, uid?: number }} Entry
 */

/** @param {readonly Entry[]} entries */
export function tarOf(entries) {
  const sorted = withFolders(entries).sort((a, b) => (a.path < b.path ? -1 : 1))
  const blocks = sorted.flatMap(({ path, data, mode = data ? 0o644 : 0o755, uid = 0 }) => {
    const name = data ? path : `${path}/`
    const size = data?.length ?? 0
    const long = Buffer.byteLength(name) > 100 ? extended(name) : []
    return [
      ...long,
      header(Buffer.byteLength(name) > 100 ? 'long' : name, { size, mode, uid, type: data ? '0' : '5' }),
      ...padded(data),
    ]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

/** @param {readonly Entry[]} entries */
function withFolders(entries) {
  const all = new Map(entries.map((entry) => [entry.path, entry]))
  for (const { path } of entries) {
    for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
      const folder = path.slice(0, end)
      if (!all.has(folder)) all.set(folder, { path: folder })
    }
  }
  return [...all.values()]
}

/** [POSIX pax] The name of the next entry, if it is too long for a header. */
function extended(name) {
  const record = (length) => `${length} path=${name}\n`
  let length = Buffer.byteLength(record(0))
  while (Buffer.byteLength(record(length)) !== length) length = Buffer.byteLength(record(length))
  const data = Buffer.from(record(length))
  return [header('pax', { size: data.length, mode: 0o644, uid: 0, type: 'x' }), ...padded(data)]
}

function padded(data) {
  return data && data.length > 0 ? [data, Buffer.alloc((512 - (data.length % 512)) % 512)] : []
}

/** [POSIX ustar] */
function header(name, { size, mode, uid, type }) {
  const block = Buffer.alloc(512)
  const octal = (value, offset, length) => block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset)
  block.write(name, 0)
  octal(mode, 100, 8)
  octal(uid, 108, 8)
  octal(uid, 116, 8)
  octal(size, 124, 12)
  octal(0, 136, 12)
  block.write('        ', 148)
  block.write(type, 156)
  block.write('ustar\x0000', 257)
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  )
  block.write(' ', 155)
  return block
}
