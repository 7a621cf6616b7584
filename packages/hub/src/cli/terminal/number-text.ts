/** A count in few characters: `1,204`, `123k`, `1.2M`. */
export function countText(count: number): string {
  if (count < 100_000) return Math.round(count).toLocaleString('en')
  return count < 999_500 ? `${Math.round(count / 1000)}k` : scaled(count / 1e6, ['M', 'G', 'T'], 1000)
}

/** How often in a second: with a decimal where that matters. */
export function rateText(perSecond: number): string {
  return perSecond > 0 && perSecond < 10 ? perSecond.toFixed(1) : countText(perSecond)
}

/** A size: `512 B`, `12.3 kB`, `1.2 MB`. */
export function bytesText(bytes: number): string {
  return bytes < 1000 ? `${Math.round(bytes)} B` : scaled(bytes / 1000, [' kB', ' MB', ' GB', ' TB'], 1000)
}

/** A time that has passed: `5s`, `3m`, `2h 14m`, `3d 4h`. */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`
  return `${Math.floor(seconds / 86_400)}d ${Math.floor((seconds % 86_400) / 3600)}h`
}

function scaled(value: number, units: readonly string[], step: number): string {
  let [rest, index] = [value, 0]
  while (rest >= step && index < units.length - 1) [rest, index] = [rest / step, index + 1]
  return `${rest < 100 ? rest.toFixed(1) : Math.round(rest)}${units[index]}`
}
