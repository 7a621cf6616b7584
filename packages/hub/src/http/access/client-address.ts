import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { HubError } from '../../base/errors.ts'
import { hostIn } from '../../base/origin.ts'
import type { HubRequest } from '../message/http-message.ts'

/** The parts of a request that say where it comes from. */
export type Addressed = Pick<HubRequest, 'remoteAddress' | 'header'>

/** Determines the address that a request comes from, also through proxies. */
export class ClientAddresses {
  readonly #trusted = new BlockList()
  readonly #peers = new Map<string, Peer>()

  /**
   * @param trustedProxies Addresses, or ranges such as 10.0.0.0/8, of the proxies whose
   * `X-Forwarded-For` the hub believes. Any client can send that header.
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
          `${JSON.stringify(text)} is not the address of a proxy. Write it like 10.0.0.1, 10.0.0.0/8 or fd00::/8.`,
        )
      }
      this.#trusted.addSubnet(address, bits, family)
    }
  }

  /**
   * Returns the key to count a request by: its address or, for IPv6, its network (/64), because a
   * client with one address has the whole network. `undefined` if the address is unknown, is a
   * loopback address, or belongs to a trusted proxy that does not name the client.
   */
  of(request: Addressed): string | undefined {
    const address = this.#clientOf(request)
    return address === undefined ? undefined : this.#peer(address).countedAs
  }

  /** Returns the key to count a connection by, of which only the peer's address is known. */
  ofPeer(remoteAddress: string | undefined): string | undefined {
    return remoteAddress === undefined ? undefined : this.#peer(remoteAddress).countedAs
  }

  /** Returns the address to write to a log. */
  nameOf(request: Addressed): string {
    const { remoteAddress } = request
    if (remoteAddress === undefined) return 'an unknown address'
    return this.#clientOf(request) ?? this.#peer(remoteAddress).address
  }

  /**
   * Whether a request comes directly from a trusted proxy, so that the hub believes its other
   * headers as well.
   */
  isForwarded({ remoteAddress }: Addressed): boolean {
    return remoteAddress !== undefined && this.#peer(remoteAddress).isTrusted
  }

  #clientOf({ remoteAddress, header }: Addressed): string | undefined {
    if (remoteAddress === undefined) return undefined
    let peer = this.#peer(remoteAddress)
    if (!peer.isTrusted) return peer.address
    const forwarded = (header('x-forwarded-for') ?? '').split(',')
    // Starts with the nearest proxy: each one appends the client that it was called by, and only
    // trusted ones can be believed.
    while (peer.isTrusted) {
      const next = forwarded.pop()?.trim()
      if (!next) return undefined
      peer = this.#peer(next)
    }
    return peer.address
  }

  /** Cached, because the same few addresses return again and again. */
  #peer(text: string): Peer {
    let peer = this.#peers.get(text)
    if (!peer) {
      if (this.#peers.size === maxPeers) this.#peers.clear()
      peer = this.#read(text)
      this.#peers.set(text, peer)
    }
    return peer
  }

  #read(text: string): Peer {
    // An IPv6 socket reports an IPv4 address in a mapped form.
    const address = text.replace(/^::ffff:(?=\d+\.)/i, '')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    const isTrusted = isIP(address) > 0 && this.#trusted.check(address, family)
    if (isTrusted || isLoopbackAddress(address)) return { address, isTrusted, countedAs: undefined }
    return { address, isTrusted, countedAs: family === 'ipv6' ? networkOf(address) : address }
  }
}

/**
 * Returns a request as the client sent it to the trusted proxy in front, with the host that the
 * client asked for. Also returns the scheme, if the proxy names it.
 */
export function beforeProxy(request: HubRequest): { request: HubRequest; scheme: string | undefined } {
  const scheme = firstOf(request.header('x-forwarded-proto'))?.toLowerCase()
  const host = firstOf(request.header('x-forwarded-host'))
  if (host === undefined) return { request, scheme }
  const { method, url, httpVersion, rawHeaders, body, wholeBody, remoteAddress, clientSignal } = request
  const header = (name: string) => (name === 'host' ? host : request.header(name))
  return {
    request: { method, url, httpVersion, rawHeaders, body, wholeBody, remoteAddress, clientSignal, header },
    scheme,
  }
}

function firstOf(list: string | undefined): string | undefined {
  return list?.split(',')[0]?.trim() || undefined
}

interface Peer {
  readonly address: string
  readonly isTrusted: boolean
  readonly countedAs: string | undefined
}

/**
 * The most addresses cached at once. A client that sends `X-Forwarded-For` can invent any number of
 * them.
 */
const maxPeers = 10_000

function networkOf(address: string): string {
  // The URL standard writes an address in only one form, without a zone.
  const canonical = new URL(`http://[${address.replace(/%.*$/, '')}]`).hostname.slice(1, -1)
  const [before = '', after] = canonical.split('::')
  const groups = before === '' ? [] : before.split(':')
  const rest = after === undefined || after === '' ? [] : after.split(':')
  const zeros = after === undefined ? [] : new Array<string>(8 - groups.length - rest.length).fill('0')
  return `${[...groups, ...zeros, ...rest].slice(0, 4).join(':')}::/64`
}

/**
 * Whether a host, with or without a port, is a loopback name: `localhost`, `*.localhost`,
 * 127.0.0.0/8, `[::1]`.
 */
export function isLoopbackHost(host: string): boolean {
  const name = hostIn('http:', host)?.replace(/:\d+$/, '') ?? ''
  return name === 'localhost' || name.endsWith('.localhost') || name === '[::1]' || isLoopbackAddress(name)
}

/** Whether an address reaches only this machine. */
export function isLoopbackAddress(address: string): boolean {
  return address === '::1' || (isIPv4(address) && address.startsWith('127.'))
}
