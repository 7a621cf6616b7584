/**
 * Whether a client takes gzip, by its `Accept-Encoding`. One that does not say so may not: [RFC 9110, 12.5.3] it might take anything, but
 * that is `curl`, a proxy or a health check as a rule, and not a browser.
 */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  if (acceptEncoding === undefined) return false
  let byName: boolean | undefined
  let byStar = false
  for (const part of acceptEncoding.toLowerCase().split(',')) {
    const [name, ...parameters] = part.split(';').map((text) => text.trim())
    const isTaken = !parameters.some((parameter) => /^q\s*=\s*0(\.0*)?$/.test(parameter))
    if (name === 'gzip' || name === 'x-gzip') byName ||= isTaken
    else if (name === '*') byStar = isTaken
  }
  return byName ?? byStar
}
