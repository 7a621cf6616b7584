import type { Socket } from 'node:net'
import { HubError } from '../../base/errors.ts'
import { problemResponse } from '../message/problem.ts'
import { responseText } from '../message/response-text.ts'
import type { ClientAddresses } from './client-address.ts'
import type { ClientCounts } from './client-counts.ts'
import type { Limits } from './limits.ts'

export interface ConnectionLimiterOptions {
  readonly limits: Readonly<Pick<Limits, 'maxConnections' | 'maxConnectionsPerAddress'>>
  readonly addresses: ClientAddresses
  readonly counts: Pick<ClientCounts, 'connections' | 'connectionsOfAddress'>
  /** Whether connections are encrypted. If so, the hub closes refused ones without an answer. */
  readonly isEncrypted: boolean
  readonly onRefused: (refusal: HubError, address: string) => void
}

/**
 * How many refused connections the hub tells why at a time, and for how long each may stay open, in
 * milliseconds. It cuts off any others.
 */
const maxRefusalReplies = 100
const refusalReplyMs = 2000

/**
 * Counts connections from the moment they open, whether or not they ever send anything, and refuses
 * those beyond the limits. A limit on requests would not notice a client that opens connections and
 * stays silent.
 */
export class ConnectionLimiter {
  readonly #options: ConnectionLimiterOptions
  readonly #open = new Set<Socket>()
  #refusalReplies = 0
  readonly #refusals = { total: 0, address: 0 }

  constructor(options: ConnectionLimiterOptions) {
    this.#options = options
  }

  /** Connections open now, without refused ones. */
  get open(): number {
    return this.#open.size
  }

  /** How many connections were refused, by reason. */
  get refusals(): Readonly<Record<'total' | 'address', number>> {
    return this.#refusals
  }

  /** Ends every connection at once, whatever it is doing. */
  cutOff(): void {
    for (const socket of this.#open) socket.destroy()
  }

  /**
   * Accepts a new connection and returns `true`, or refuses it. The caller must read a refused
   * connection to its end, and must not answer any request on it.
   */
  take(socket: Socket): boolean {
    const address = this.#options.addresses.ofPeer(socket.remoteAddress)
    const refusal = this.#refusalFor(address)
    if (refusal) {
      this.#refuse(socket, refusal)
      return false
    }
    this.#open.add(socket)
    const { connections, connectionsOfAddress } = this.#options.counts
    const leave = connections.add()
    const leaveAddress = connectionsOfAddress.add(address)
    socket.once('close', () => {
      this.#open.delete(socket)
      leave()
      leaveAddress()
    })
    return true
  }

  #refusalFor(address: string | undefined): HubError | undefined {
    const { maxConnections, maxConnectionsPerAddress } = this.#options.limits
    const { connections, connectionsOfAddress } = this.#options.counts
    if (connections.total >= maxConnections) {
      return new HubError(
        'HUB_FULL',
        `The hub has ${maxConnections} connections, which is the most it accepts. Try again later.`,
      )
    }
    if (connectionsOfAddress.of(address) >= maxConnectionsPerAddress) {
      return new HubError(
        'TOO_MANY_CONNECTIONS',
        `${maxConnectionsPerAddress} connections are open from this address, which is the most the hub accepts. Close some first.`,
      )
    }
    return undefined
  }

  #refuse(socket: Socket, refusal: HubError): void {
    const { isEncrypted, onRefused } = this.#options
    this.#refusals[refusal.code === 'HUB_FULL' ? 'total' : 'address']++
    socket.on('error', ignore)
    onRefused(refusal, socket.remoteAddress ?? 'an unknown address')
    if (isEncrypted || this.#refusalReplies >= maxRefusalReplies) {
      socket.destroy()
      return
    }
    this.#refusalReplies++
    const timer = setTimeout(() => socket.destroy(), refusalReplyMs)
    socket.once('close', () => {
      clearTimeout(timer)
      this.#refusalReplies--
    })
    // Not reset at once: the client has most likely sent its request by now, and would see a reset
    // instead of the answer.
    socket.end(responseText(problemResponse(refusal), 'close'), 'latin1')
  }
}

function ignore(): void {}
