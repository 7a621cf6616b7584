import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { HubError } from '../../base/errors.ts'
import { parseListenAddress } from '../options/option-types.ts'
import { startProbeServer } from './probe-server.ts'

/** `headwater doctor --serve`: stands behind a proxy in place of the application, until Ctrl-C. */
export async function serveProbe(address: string): Promise<void> {
  const server = await startProbeServer(parseAddress(address))
  const { address: host, port } = server.address() as AddressInfo
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  console.log(`headwater doctor listening on ${url}`)
  console.error(
    `headwater: point the proxy at ${url} in place of the application, and run headwater doctor with the proxy's URL. Ctrl-C ends it.`,
  )
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      server.close()
      server.closeAllConnections()
    })
  }
  await once(server, 'close')
}

function parseAddress(text: string) {
  try {
    return parseListenAddress(/^\d+$/.test(text) ? `:${text}` : text)
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    throw new HubError(error.code, error.message.replace('--listen', '--serve'), { cause: error })
  }
}
