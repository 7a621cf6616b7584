import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { json } from 'node:stream/consumers'

/** A session of W3C WebDriver: one browser window and its commands. */
export class WebDriverSession {
  readonly #url: string

  /** Opens a browser with the driver's defaults; `driver` is where it listens. A script may run for as long as `scriptTimeoutMs`. */
  static async open(driver: string, scriptTimeoutMs: number): Promise<WebDriverSession> {
    const capabilities = { alwaysMatch: { timeouts: { script: scriptTimeoutMs } } }
    const created = await command('POST', `${driver}/session`, { capabilities })
    return new WebDriverSession(`${driver}/session/${(created as { sessionId: string }).sessionId}`)
  }

  private constructor(url: string) {
    this.#url = url
  }

  /** Resolves when the page has loaded. */
  navigate(url: string): Promise<unknown> {
    return command('POST', `${this.#url}/url`, { url })
  }

  /** Runs the body of a function in the page; gives what it returns, or what the promise that it returns resolves to. */
  execute(script: string): Promise<unknown> {
    return command('POST', `${this.#url}/execute/sync`, { script, args: [] })
  }

  close(): Promise<unknown> {
    return command('DELETE', this.#url)
  }
}

/** By `request`, since fetch would wait no longer than five minutes for an answer. */
async function command(method: string, url: string, body?: unknown): Promise<unknown> {
  const [response] = (await once(request(url, { method }).end(body && JSON.stringify(body)), 'response')) as [
    IncomingMessage,
  ]
  const { value } = (await json(response)) as { value: unknown }
  if (response.statusCode === 200) return value
  const { error, message } = value as { error: string; message: string }
  throw new Error(`WebDriver refused ${method} ${new URL(url).pathname}: ${error}: ${message}`)
}
