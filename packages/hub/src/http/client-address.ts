import { BlockList, isIP, isIPv6 } from 'node:net'
import { HubError } from '../errors.ts'
import type { HubRequest } from './exchange.ts'
import { isLoopbackAddress } from './loopback.ts'

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

  /** The address to count a request by; `undefined` when it is not known, or is that of a proxy that does not say. */
  of(request: HubRequest): string | undefined {
    let address = plain(request.remoteAddress)
    const forwarded = (request.header('x-forwarded-for') ?? '').split(',').map((each) => plain(each.trim()))
    // From the nearest on: each proxy adds whom it was asked by, and only those we trust tell the truth.
    while (address !== undefined && this.#isTrusted(address)) address = forwarded.pop() || undefined
    return address === undefined || isLoopbackAddress(address) ? undefined : address
  }

  #isTrusted(address: string): boolean {
    return isIP(address) > 0 && this.#trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  }
}

/** An IPv4 address that came over an IPv6 socket is the IPv4 address. */
function plain(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/i, '')
}
