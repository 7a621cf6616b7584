const numbers = new Intl.NumberFormat('en')
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })

export function count(value: number): string {
  return Math.abs(value) < 100_000 ? numbers.format(Math.round(value)) : compact.format(value)
}

/** For the axis of a plot. */
export function compactCount(value: number): string {
  return compact.format(value)
}

/** A rate: with a decimal while it is small. */
export function rate(value: number): string {
  if (value === 0) return '0'
  if (value < 10) return value.toFixed(1)
  return count(value)
}

export function bytes(value: number): string {
  if (value < 1024) return `${count(value)} B`
  if (value < 1024 ** 2) return `${(value / 1024).toFixed(1)} KiB`
  if (value < 1024 ** 3) return `${(value / 1024 ** 2).toFixed(1)} MiB`
  return `${(value / 1024 ** 3).toFixed(1)} GiB`
}

export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  if (seconds < 60) return `${seconds} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
  return `${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)} h`
}

export function ago(milliseconds: number): string {
  return milliseconds < 1500 ? 'just now' : `${duration(milliseconds)} ago`
}

const pad = (value: number, width = 2) => String(value).padStart(width, '0')

/** The time of day, to the millisecond. */
export function clock(at: number, { millis = true } = {}): string {
  const date = new Date(at)
  const time = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
  return millis ? `${time}.${pad(date.getMilliseconds(), 3)}` : time
}

export function day(at: number): string {
  const date = new Date(at)
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
}

/** The time of day; with the date if that is another one. */
export function moment(at: number): string {
  const isToday = day(at) === day(Date.now())
  return isToday ? clock(at, { millis: false }) : `${day(at)} ${clock(at, { millis: false })}`
}
