import { Option } from 'commander'
import { HubError } from '../../base/errors.ts'
import { hubPath } from '../../base/hub-path.ts'

const defaultUrl = 'http://127.0.0.1:3000'

/** `--hub`, for every command that talks to a hub. */
export function hubOption(): Option {
  return new Option('--hub <url>', 'URL of the hub')
    .argParser((text) => parseHubUrl(text))
    .default(parseHubUrl(defaultUrl), defaultUrl)
}

/** `--token`, for every command that talks to a hub. */
export function tokenOption(): Option {
  return new Option('--token <token>', 'token to send to the hub; headwater token makes one for development')
    .env('HEADWATER_TOKEN')
    .argParser((text) => {
      // The token goes into a header. Errors do not show it.
      if (/^[\w.~+/-]+=*$/.test(text)) return text
      throw new HubError('INVALID_OPTION', '--token is not a token. Make one with headwater token.')
    })
}

/**
 * Parses the URL of a hub: its origin, or the whole URL if it is not at the usual path. `name` is how
 * the user gave it, for errors.
 */
export function parseHubUrl(text: string, name = '--hub'): URL {
  const url = parseUrl(text, name, 'a hub knows its clients by --token')
  if (url.pathname === '/') url.pathname = hubPath
  return url
}

/**
 * Parses the URL of any server. Refuses one with a user and password, which `fetch` would not send and
 * errors would show; `instead` says how else a client makes itself known.
 */
export function parseUrl(text: string, name: string, instead: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) {
    // A URL that is not well-formed may contain a password as well.
    const shown = text.includes('@') ? '' : ` ${text}`
    throw new HubError('INVALID_OPTION', `${name}${shown} is not an http or https URL. Write it as ${defaultUrl}.`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new HubError(
      'INVALID_OPTION',
      `${name} must not contain a user and password: ${instead}. Remove what stands before the @.`,
    )
  }
  return url
}
