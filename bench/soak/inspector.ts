/** What a process of Node says about its memory through its inspector: it needs no code in the program for that. */
export class Inspector {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  #asked = 0

  static open(url: string): Promise<Inspector> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url)
      socket.onopen = () => resolve(new Inspector(socket))
      socket.onerror = () => reject(new Error(`Nothing answers at ${url}, where Node's inspector should be.`))
    })
  }

  private constructor(socket: WebSocket) {
    this.#socket = socket
    socket.onerror = () => this.#fail()
    socket.onclose = () => this.#fail()
    socket.onmessage = ({ data }) => {
      const { id, result, error } = JSON.parse(String(data)) as Reply
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error) waiting?.reject(new Error(`The inspector said: ${error.message}`))
      else waiting?.resolve(result)
    }
  }

  /** In bytes, of the main thread; what is external and in array buffers, of all. */
  async memory(): Promise<NodeJS.MemoryUsage> {
    const result = await this.#ask('Runtime.evaluate', { expression: 'process.memoryUsage()', returnByValue: true })
    return (result as { result: { value: NodeJS.MemoryUsage } }).result.value
  }

  /** Collects everything that can be. */
  async collectGarbage(): Promise<void> {
    await this.#ask('HeapProfiler.collectGarbage')
  }

  close(): void {
    this.#socket.close()
  }

  #ask(method: string, params: Record<string, unknown> = {}): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = ++this.#asked
      this.#waiting.set(id, { resolve, reject })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }

  #fail(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error('The inspector is gone: the hub has ended.'))
    this.#waiting.clear()
  }
}

interface Reply {
  readonly id: number
  readonly result?: unknown
  readonly error?: { readonly message: string }
}
