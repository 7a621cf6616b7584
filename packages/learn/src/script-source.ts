import source from '../../hub/src/lessons/scripts.ts?raw'

/** The source of the script that plays a stream, as it stands in the hub's file of all scripts. */
export function scriptSource(stream: string): string {
  const lines = source.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`  ${stream}:`) || line.startsWith(`  ${stream}(`))
  if (start < 0) return ''
  // Up to the next script, the comment above it, or the end of all.
  const length = lines.slice(start + 1).findIndex((line) => /^( {2}[/\w]|\}$)/.test(line))
  const text = lines.slice(start, start + 1 + length)
  return text
    .map((line) => line.slice(2))
    .join('\n')
    .trim()
}
