/** Makes text safe to print: without secrets, and without what would move the cursor of a terminal. */
export type Redactor = (text: string) => string

const secretName = /token|authorization|password|passwd|secret|key|jwt|signature|^sig$|^auth$|^code$|session/i
/** Headers that ask for something and say nothing about who asks. */
const plainHeaders = new Set([
  'accept',
  'accept-encoding',
  'cache-control',
  'content-type',
  'last-event-id',
  'user-agent',
  'host',
  'origin',
])

/**
 * Creates a redactor for what one run was given: the user information and the secret parameters of the
 * URLs, and the values of headers. They are removed wherever they turn up, also in what a server says.
 */
export function createRedactor(urls: readonly string[], headers: Readonly<Record<string, string>>): Redactor {
  const secrets = new Set<string>()
  for (const text of urls.filter((each) => URL.canParse(each))) {
    const url = new URL(text)
    for (const secret of [url.username, url.password]) secrets.add(secret).add(safeDecode(secret))
    for (const [name, value] of url.searchParams)
      if (secretName.test(name)) secrets.add(value).add(encodeURIComponent(value))
  }
  for (const [name, value] of Object.entries(headers)) {
    if (plainHeaders.has(name)) continue
    // Of "Bearer abc" and "name=value; name=value", each part.
    for (const part of [
      value,
      ...value.split(/[\s;,]+/).flatMap((each) => [each, each.slice(each.indexOf('=') + 1)]),
    ]) {
      if (!/^(Bearer|Basic|Digest)$/i.test(part)) secrets.add(part)
    }
  }
  // Long ones first: one may contain another.
  const patterns = [...secrets]
    .filter((each) => each.length > 2)
    .sort((one, other) => other.length - one.length)
    .map(toPattern)
  return (text) => {
    let safe = text
    for (const pattern of patterns) safe = safe.replaceAll(pattern, '…')
    return safe
      .replaceAll(secretParameter, '$1…')
      .replaceAll(userInformation, '$1…@')
      .replaceAll(/[\p{Cc}\p{Cf}]/gu, ' ')
  }
}

/** A short secret counts only as a word of its own: "pub" would take half of "published" with it. */
function toPattern(secret: string): RegExp {
  const literal = secret.replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
  return new RegExp(secret.length < 8 ? `(?<![\\w-])${literal}(?![\\w-])` : literal, 'g')
}

// Also those that a server makes, in the address of a redirect.
const secretParameter =
  /([?&;][\w.-]*(?:token|authorization|password|passwd|secret|key|jwt|signature)[\w.-]*=)[^&\s"'#]+?(?=[),.]*(?:[&\s"'#]|$))/gi
const userInformation = /(https?:\/\/)[^/\s"'@]+@/gi

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return text
    throw error
  }
}
