import type { BreakableResponse } from './break-off.ts'

/** A response of Node's HTTP servers to which somebody else writes the bytes of a stream. */
export interface ReceivingResponse extends BreakableResponse {
  readonly req: { readonly httpVersionMajor: number }
  readonly destroyed: boolean
  /** HTTP/1. */
  readonly writableNeedDrain?: boolean
  once(event: 'close' | 'drain', listener: () => void): unknown
  off(event: 'close' | 'drain', listener: () => void): unknown
}

/**
 * Has a stream report the response that it is piped to by a framework which looks neither at whether
 * the client is still there nor at whether the response is full. h3 v1 (Nitro 2, Nuxt 4) pipes to
 * `new WritableStream({ write: (chunk) => { res.write(chunk) } })`: such a pipe takes everything, and
 * a dead response drops it in silence, so that the stream alone would never end.
 */
export function reportResponse(
  stream: ReadableStream<Uint8Array>,
  onResponse: (response: ReceivingResponse) => void,
): void {
  const { pipeTo } = stream
  Object.defineProperty(stream, 'pipeTo', {
    configurable: true,
    writable: true,
    async value(destination: WritableStream<Uint8Array>, options?: Parameters<typeof pipeTo>[1]) {
      const response = await writeFirst(stream, destination)
      if (response) onResponse(response)
      await pipeTo.call(stream, destination, options)
    },
  })
}

/** Whether the response accepts no more for now. */
export function isFull({ writableNeedDrain, stream }: ReceivingResponse): boolean {
  return writableNeedDrain ?? stream?.writableNeedDrain ?? false
}

/**
 * Writes the first chunk, and returns the response that it reached within the call. Whatever is
 * wrong with either stream is left to `pipeTo`.
 */
async function writeFirst(
  stream: ReadableStream<Uint8Array>,
  destination: WritableStream<Uint8Array>,
): Promise<ReceivingResponse | undefined> {
  const modules = builtinModules()
  if (!modules || stream.locked || destination?.locked !== false) return undefined
  const reader = stream.getReader()
  const writer = destination.getWriter()
  try {
    await writer.ready
    const { value } = await reader.read()
    return value && findWritten(modules, value, () => writer.write(value).catch(ignore))
  } catch {
    return undefined
  } finally {
    reader.releaseLock()
    writer.releaseLock()
  }
}

/**
 * Node has no way to ask where a chunk went. So for the time of one call, in which nothing else runs,
 * its responses say that they got it.
 */
function findWritten(
  [http, http2]: BuiltinModules,
  chunk: Uint8Array,
  write: () => void,
): ReceivingResponse | undefined {
  let found: ReceivingResponse | undefined
  const prototypes: Writing[] = [http.OutgoingMessage.prototype, http2.Http2ServerResponse.prototype]
  const originals = prototypes.map((prototype) => prototype.write)
  for (const [index, prototype] of prototypes.entries()) {
    prototype.write = function (this: unknown, ...args: unknown[]) {
      if (args[0] === chunk) found = this as ReceivingResponse
      return originals[index]!.apply(this, args)
    }
  }
  try {
    write()
  } finally {
    for (const [index, prototype] of prototypes.entries()) prototype.write = originals[index]!
  }
  return found
}

// biome-ignore lint/suspicious/noExplicitAny: the arguments are passed on as they are
type Writing = { write: (...args: any[]) => boolean }
type BuiltinModules = [http: typeof import('node:http'), http2: typeof import('node:http2')]

/** Node's HTTP modules, where there are any: from Node 20.16 on. */
function builtinModules(): BuiltinModules | undefined {
  const { process } = globalThis as { process?: Partial<NodeJS.Process> }
  const http = process?.getBuiltinModule?.('node:http')
  const http2 = process?.getBuiltinModule?.('node:http2')
  return http && http2 && [http, http2]
}

function ignore(): void {}
