/** A time in this machine's zone. */
export function timeOf(at: number): string {
  const date = new Date(at)
  const parts = [date.getMonth() + 1, date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()]
  const [month, day, hours, minutes, seconds] = parts.map((part) => String(part).padStart(2, '0'))
  return `${date.getFullYear()}-${month}-${day} ${hours}:${minutes}:${seconds}`
}
