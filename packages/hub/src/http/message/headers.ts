/**
 * Whether a client accepts gzip, by its `Accept-Encoding`. Without the header, it counts as not
 * accepting it: [RFC 9110, 12.5.3] it might accept anything, but it is usually `curl`, a proxy or a
 * health check, and not a browser.
 */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  if (acceptEncoding === undefined) return false
  let byName: boolean | undefined
  let byStar = false
  for (const part of acceptEncoding.toLowerCase().split(',')) {
    const [name, ...parameters] = part.split(';').map((text) => text.trim())
    const isAccepted = !parameters.some((parameter) => /^q\s*=\s*0(\.0*)?$/.test(parameter))
    if (name === 'gzip' || name === 'x-gzip') byName ||= isAccepted
    else if (name === '*') byStar = isAccepted
  }
  return byName ?? byStar
}

/** Returns an ID as a header carries it: Node writes each character of a header as one byte. */
export function headerValue(id: string): string {
  return Buffer.from(id).toString('latin1')
}

/** [RFC 9110, 13.1.2] Whether the client already has what the hub would send. */
export function hasMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((each) => ['*', etag].includes(each.trim().replace(/^W\//, '')))
}
