import { Option } from 'commander'
import { HubError } from '../../base/errors.ts'
import { hubPath } from '../../base/hub-path.ts'

const defaultUrl = 'http://127.0.0.1:3000'

/** `--hub`, for every command that talks to one. */
export function hubOption(): Option {
  return new Option('--hub <url>', 'the hub').argParser(parseHubUrl).default(parseHubUrl(defaultUrl), defaultUrl)
}

/** `--token`, for every command that talks to a hub. */
export function tokenOption(): Option {
  return new Option('--token <token>', 'the token to show the hub; headwater token makes one for development')
    .env('HEADWATER_TOKEN')
    .argParser((text) => {
      // It goes into a header, and is not shown in an error.
      if (/^[\w.~+/-]+=*$/.test(text)) return text
      throw new HubError('INVALID_OPTION', '--token is no token. headwater token makes one.')
    })
}

/** Reads the address of a hub: its origin, or the whole URL where it is not at the usual path. */
function parseHubUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (!url || !/^https?:$/.test(url.protocol)) {
    throw new HubError('INVALID_OPTION', `--hub ${text} is no http or https URL. Write it as ${defaultUrl}.`)
  }
  if (url.pathname === '/') url.pathname = hubPath
  return url
}
