import { order } from './orders.ts'
import type { Origins, RecordedRequest, Script } from './script.ts'

const ended: string[] = []

/** A script on the servers, seen from a case. */
export class Served {
  readonly token: string
  /** How many there are in the script. */
  readonly responses: number
  readonly #origins: Origins

  static async script(origins: Origins, script: Script): Promise<Served> {
    const { token } = await order(origins, 'script', { script, ended: ended.splice(0) })
    return new Served(origins, token, script.responses.length)
  }

  private constructor(origins: Origins, token: string, responses: number) {
    this.responses = responses
    this.#origins = origins
    this.token = token
  }

  /** The script on the page's own origin. */
  get url(): string {
    return `${this.#origins.same}/s/${this.token}/stream`
  }

  /** The same script on another origin of the same site. */
  get crossUrl(): string {
    return `${this.#origins.cross}/s/${this.token}/stream`
  }

  /** Waits until so many requests have come; gives all of them but the preflights. */
  async requested(atLeast: number): Promise<RecordedRequest[]> {
    return (await this.allRequests(atLeast)).filter(({ method }) => method !== 'OPTIONS')
  }

  /** The same with the preflights. */
  allRequests(atLeast = 0): Promise<RecordedRequest[]> {
    return order(this.#origins, 'requests', { token: this.token, atLeast })
  }

  /** Waits until the client has closed the connection of the nth request, from 0. */
  async left(nth: number): Promise<void> {
    await order(this.#origins, 'left', { token: this.token, nth })
  }

  /** Whether the client has taken all of the flood in the nth response, from 0. */
  flooded(nth: number): Promise<boolean> {
    return order(this.#origins, 'flooded', { token: this.token, nth })
  }

  /**
   * The case has ended: a connection that the client has left open must not keep the next case from having one. The
   * servers hear of it with the next script.
   */
  end(): void {
    ended.push(this.token)
  }

  async signal(name: string): Promise<void> {
    await Served.signalAll(this.#origins, [this], name)
  }

  /** Signals several scripts, in this order, in one turn of the server. */
  static async signalAll(origins: Origins, all: readonly Served[], name: string): Promise<void> {
    await order(origins, 'signal', { tokens: all.map(({ token }) => token), name })
  }
}
