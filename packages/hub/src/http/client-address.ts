import { BlockList, isIP, isIPv6 } from 'node:net'
import { HubError } from '../errors.ts'
import type { HubRequest } from './exchange.ts'
import { isLoopbackAddress } from './loopback.ts'

/** What of a request says where it comes from. */
export type Addressed = Pick<HubRequest, 'remoteAddress' | 'header'>

/** Finds out from which address a request comes, also through proxies. */
export class ClientAddresses {
  readonly #trusted = new BlockList()

  /**
   * @param trustedProxies Addresses, or ranges such as 10.0.0.0/8, of proxies whose `X-Forwarded-For` is believed. Anybody can send that header.
   * @throws HubError `INVALID_OPTION`
   */
  constructor(trustedProxies: readonly string[] = []) {
    for (const text of trustedProxies) {
      const [address = '', prefix, ...rest] = text.split('/')
      const family = isIPv6(address) ? 'ipv6' : 'ipv4'
      const bits = prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix)
      const isValid = isIP(address) > 0 && rest.length === 0 && Number.isInteger(bits) && bits >= 0
      if (!isValid || bits > (family === 'ipv6' ? 128 : 32)) {
        throw new HubError(
          'INVALID_OPTION',
          `${JSON.stringify(text)} is no address of a proxy. One looks like 10.0.0.1, 10.0.0.0/8 or fd00::/8.`,
        )
      }
      this.#trusted.addSubnet(address, bits, family)
    }
  }

  /**
   * What to count a request by: its address; of IPv6, the network (/64), in which whoever has one address has all. `undefined` when it is not
   * known, is this machine's own, or that of a proxy that does not say.
   */
  of(request: Addressed): string | undefined {
    const address = this.#clientOf(request)
    return address === undefined ? undefined : this.ofPeer(address)
  }

  /** What to count a connection by, of which nothing is known but where it comes from. */
  ofPeer(remoteAddress: string | undefined): string | undefined {
    const address = plain(remoteAddress)
    if (address === undefined || isLoopbackAddress(address) || this.#isTrusted(address)) return undefined
    return isIPv6(address) ? networkOf(address) : address
  }

  /** The address to name in a log. */
  nameOf(request: Addressed): string {
    return this.#clientOf(request) ?? plain(request.remoteAddress) ?? 'an unknown address'
  }

  /** Whether a request comes straight from a trusted proxy, whose other headers can be believed as well. */
  isForwarded({ remoteAddress }: Addressed): boolean {
    const address = plain(remoteAddress)
    return address !== undefined && this.#isTrusted(address)
  }

  #clientOf(request: Addressed): string | undefined {
    let address = plain(request.remoteAddress)
    const forwarded = (request.header('x-forwarded-for') ?? '').split(',').map((each) => plain(each.trim()))
    // From the nearest on: each proxy adds whom it was asked by, and only those we trust tell the truth.
    while (address !== undefined && this.#isTrusted(address)) address = forwarded.pop() || undefined
    return address
  }

  #isTrusted(address: string): boolean {
    return isIP(address) > 0 && this.#trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  }
}

/** An IPv4 address that came over an IPv6 socket is the IPv4 address. */
function plain(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/i, '')
}

function networkOf(address: string): string {
  // As the URL standard writes it, an address has but one form; and none with a zone.
  const canonical = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1)
  const [before = '', after] = canonical.split('::')
  const groups = before === '' ? [] : before.split(':')
  const rest = after === undefined || after === '' ? [] : after.split(':')
  const zeros = after === undefined ? [] : new Array<string>(8 - groups.length - rest.length).fill('0')
  return `${[...groups, ...zeros, ...rest].slice(0, 4).join(':')}::/64`
}
