import { HubError } from '../../base/errors.ts'
import { hostIn } from '../../base/origin.ts'
import type { HubRequest } from '../message/http-message.ts'

/**
 * Throws `INVALID_REQUEST` if a request names two hosts: a proxy in front may have checked the one,
 * and the hub the other. [RFC 9113, 8.3.1] It is malformed then.
 */
export function assertOneHost({ authority, header }: Pick<HubRequest, 'authority' | 'header'>): void {
  if (authority === undefined) return
  const host = header('host')
  if (host === undefined || host === authority || areSame(host, authority)) return
  throw new HubError(
    'INVALID_REQUEST',
    `The request is for ${JSON.stringify(authority)}, but its Host is ${JSON.stringify(host)}. Send one of them, or the same twice.`,
  )
}

/** Whether two hosts are the same in either scheme, of which each has its default port. */
function areSame(one: string, other: string): boolean {
  return ['https:', 'http:'].some((protocol) => {
    const host = hostIn(protocol, one)
    return host !== undefined && host === hostIn(protocol, other)
  })
}
