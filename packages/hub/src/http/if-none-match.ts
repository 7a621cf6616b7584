/** [RFC 9110, 13.1.2] Whether the client has what it would be sent. */
export function hasMatch(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((each) => ['*', etag].includes(each.trim().replace(/^W\//, '')))
}
