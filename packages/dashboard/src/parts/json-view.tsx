/** Data as people read it: JSON indented and coloured, everything else as it is. */
export function DataShown({ data }: { data: string }) {
  const value = parsed(data)
  return <pre class="data">{value === undefined ? data : <Value value={value} depth={0} />}</pre>
}

export function parsed(data: string): unknown {
  if (!/^\s*[[{"\d-]|^\s*(true|false|null)\s*$/.test(data)) return undefined
  try {
    return JSON.parse(data) as unknown
  } catch {
    // Text that only looks like JSON is shown as text.
    return undefined
  }
}

const indent = (depth: number) => '  '.repeat(depth)

function Value({ value, depth }: { value: unknown; depth: number }) {
  if (typeof value === 'string') return <span class="json-string">{JSON.stringify(value)}</span>
  if (typeof value !== 'object' || value === null) return <span class="json-plain">{String(value)}</span>
  const isList = Array.isArray(value)
  const entries = Object.entries(value)
  if (entries.length === 0) return <>{isList ? '[]' : '{}'}</>
  return (
    <>
      {isList ? '[' : '{'}
      {entries.map(([name, each], index) => (
        <>
          {`\n${indent(depth + 1)}`}
          {!isList && <span class="json-name">{JSON.stringify(name)}: </span>}
          <Value value={each} depth={depth + 1} />
          {index < entries.length - 1 && ','}
        </>
      ))}
      {`\n${indent(depth)}`}
      {isList ? ']' : '}'}
    </>
  )
}
