import { closeSync, openSync, writeSync } from 'node:fs'

/**
 * Reads the memory use of a Node process through its inspector, which needs no code in the program.
 */
export class Inspector {
  readonly #socket: WebSocket
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>()
  #asked = 0
  #onSnapshotChunk: (chunk: string) => void = () => {}

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
      const { id, result, error, method, params } = JSON.parse(String(data)) as Told
      if (method === 'HeapProfiler.addHeapSnapshotChunk') this.#onSnapshotChunk(params!.chunk)
      if (id === undefined) return
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error) waiting?.reject(new Error(`The inspector said: ${error.message}`))
      else waiting?.resolve(result)
    }
  }

  /**
   * In bytes. The heap is that of the main thread; external memory and array buffers are of all
   * threads.
   */
  async memory(): Promise<NodeJS.MemoryUsage> {
    const result = await this.#ask('Runtime.evaluate', { expression: 'process.memoryUsage()', returnByValue: true })
    return (result as { result: { value: NodeJS.MemoryUsage } }).result.value
  }

  /** Collects all garbage. */
  async collectGarbage(): Promise<void> {
    await this.#ask('HeapProfiler.collectGarbage')
  }

  /**
   * Writes a snapshot of the heap of the main thread, for the developer tools of Chromium. Takes
   * seconds, and memory.
   */
  async writeHeapSnapshot(path: string): Promise<void> {
    const file = openSync(path, 'w')
    this.#onSnapshotChunk = (chunk) => writeSync(file, chunk)
    try {
      await this.#ask('HeapProfiler.takeHeapSnapshot')
    } finally {
      closeSync(file)
    }
  }

  close(): void {
    this.#socket.close()
  }

  #ask(method: string, params: Record<string, unknown> = {}): Promise<unknown> {
    if (this.#socket.readyState !== WebSocket.OPEN) return Promise.reject(new Error(gone))
    return new Promise((resolve, reject) => {
      const id = ++this.#asked
      this.#waiting.set(id, { resolve, reject })
      this.#socket.send(JSON.stringify({ id, method, params }))
    })
  }

  #fail(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error(gone))
    this.#waiting.clear()
  }
}

const gone = 'The inspector is gone: the hub has ended.'

/** A reply, with the ID of its request, or a notification. */
interface Told {
  readonly id?: number
  readonly method?: string
  readonly params?: { readonly chunk: string }
  readonly result?: unknown
  readonly error?: { readonly message: string }
}
