/** Packages and the outcomes of their checks, as lines of equal columns. */
export function tableOf(packages) {
  return packages
    .map(({ name, version, files, packedBytes, unpackedBytes, outcomes }) => {
      const heading = `${name} ${version}: ${files.length} files, ${kilobytes(packedBytes)} packed, ${kilobytes(unpackedBytes)} unpacked`
      const width = Math.max(...outcomes.map(({ check }) => check.length))
      const rows = outcomes.map(({ check, detail, failed, unfinished }) => {
        const result = failed !== undefined ? 'FAILED' : unfinished !== undefined ? 'to do ' : 'ok    '
        return `  ${check.padEnd(width)}  ${result}  ${failed ?? unfinished ?? detail}`.trimEnd()
      })
      return [heading, ...rows].join('\n')
    })
    .join('\n\n')
}

function kilobytes(bytes) {
  return `${Math.round(bytes / 1000).toLocaleString('en')} kB`
}
