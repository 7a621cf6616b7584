/** A time for people: `30 ms`, `1.3 s`, `12 s`. */
export function seconds(ms: number): string {
  if (ms < 950) return `${Math.round(ms)} ms`
  const value = ms / 1000
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} s`
}

/** A number with its thousands apart. */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

export function list(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`
}

/** A number of things, such as `3 events`. */
export function counted(value: number, thing: string): string {
  return `${count(value)} ${thing}${value === 1 ? '' : 's'}`
}
