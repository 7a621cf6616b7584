import type { HubRequest } from '../message/http-message.ts'

/** The connections that browsers open to one host over HTTP/1.1. */
const connectionsPerHost = 6
/** The longest part of a `User-Agent` that is kept. */
const maxAgentCharacters = 256

/**
 * Counts the event streams that each browser has open over HTTP/1.1. With six, it has no connection
 * left: the next tab stays white, and no request for it ever arrives.
 */
export class BrowserStreams {
  readonly #open = new Map<string, number>()

  /**
   * Counts a stream until the returned function is called. Returns whether it took the browser's
   * last connection. `address` names the client.
   */
  begin(request: HubRequest, address: string): { readonly isLast: boolean; readonly end: () => void } {
    const browser = browserOf(request, address)
    if (browser === undefined) return { isLast: false, end: () => {} }
    const count = (this.#open.get(browser) ?? 0) + 1
    this.#open.set(browser, count)
    return { isLast: count === connectionsPerHost, end: () => this.#end(browser) }
  }

  #end(browser: string): void {
    const count = this.#open.get(browser)! - 1
    if (count === 0) this.#open.delete(browser)
    else this.#open.set(browser, count)
  }
}

/** `undefined` for what is not a browser that speaks HTTP/1.1 with the hub itself. */
function browserOf({ httpVersion, header }: HubRequest, address: string): string | undefined {
  if (httpVersion !== 1) return undefined
  const agent = header('user-agent')
  // Every browser calls itself so, and hardly anything else.
  if (!agent?.startsWith('Mozilla/')) return undefined
  // Behind a proxy, the connections are the proxy's.
  if (['x-forwarded-for', 'forwarded', 'via'].some((name) => header(name) !== undefined)) return undefined
  return `${address} ${agent.slice(0, maxAgentCharacters)}`
}
