import { isIPv6 } from 'node:net'
import { HubError } from '../errors.ts'

export interface ListenAddress {
  readonly host: string
  readonly port: number
}

/** Reads `host:port`, `[address]:port` or `:port`, which means 127.0.0.1: to be reachable from elsewhere has to be said. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[(?<address>[^\]]*)\]|(?<host>[^:[\]\s]*)):(?<port>\d{1,5})$/.exec(text)
  const { address, host, port } = match?.groups ?? {}
  const isAddress = address === undefined || isIPv6(address)
  if (port === undefined || Number(port) > 65_535 || !isAddress) {
    throw new HubError(
      'INVALID_OPTION',
      `--listen ${text} is no address. Write host:port, such as 127.0.0.1:3000, [::1]:3000 or :0; ports go up to 65535.`,
    )
  }
  return { host: address || host || '127.0.0.1', port: Number(port) }
}
