import { HubError } from './errors.ts'

/** The path of the hub on every host, unless it was given another. */
export const hubPath = '/.well-known/mercure'

/**
 * Checks a path for the hub. It has no characters that a URL may write in two ways, because it is
 * compared as it is.
 *
 * @throws HubError `INVALID_OPTION`
 */
export function parseHubPath(path: unknown): string {
  const isPath = typeof path === 'string' && /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._~-]+)+$/.test(path)
  if (isPath) return path
  throw new HubError(
    'INVALID_OPTION',
    `path is ${JSON.stringify(path)}. Write it like /api/hub: it begins with a slash, does not end with one, and has only letters, digits and . _ ~ - in between.`,
  )
}
