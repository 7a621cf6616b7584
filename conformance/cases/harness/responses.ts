import type { ScriptedResponse, Step } from './script.ts'

/** Text or bytes, each one write of its own, or a step. */
export type Chunk = string | number[] | Step

export const eventStream: [string, string] = ['content-type', 'text/event-stream']
/** The headers of a stream that any origin may read, without credentials. */
export const crossOrigin: [string, string][] = [eventStream, ['access-control-allow-origin', '*']]

/**
 * An event stream of these chunks that stays open until the client leaves. Without any it is a comment: Firefox tells
 * nobody of a response before its first byte.
 */
export function stream(...chunks: Chunk[]): ScriptedResponse {
  return { headers: crossOrigin, body: (chunks.length === 0 ? [':\n'] : chunks).map(toStep) }
}

/** An event stream of these chunks that the server then ends. */
export function ending(...chunks: Chunk[]): ScriptedResponse {
  return stream(...chunks, { finish: 'end' })
}

/** An event stream of these chunks that the server ends at the signal `end`. */
export function endingOnSignal(...chunks: Chunk[]): ScriptedResponse {
  return ending(...chunks, { wait: 'end' })
}

/** Each chunk waits for a `signal('next')`: what came before has then been on the wire for a round trip. */
export function paced(...chunks: Chunk[]): ScriptedResponse {
  return stream(...chunks.flatMap((chunk): Chunk[] => [{ wait: 'next' }, chunk]))
}

/** A redirect to one of `$same`, `$cross` or `$elsewhere`, readable from any origin. */
export function redirect(status: number, to: string): ScriptedResponse {
  return {
    status,
    headers: [
      ['location', to],
      ['access-control-allow-origin', '*'],
    ],
  }
}

/** An answer without an event stream, readable from any origin. */
export function refusal(status: number, ...headers: [name: string, value: string][]): ScriptedResponse {
  return { status, headers: [['access-control-allow-origin', '*'], ...headers] }
}

function toStep(chunk: Chunk): Step {
  if (typeof chunk === 'string') return { write: chunk }
  return Array.isArray(chunk) ? { bytes: chunk } : chunk
}
