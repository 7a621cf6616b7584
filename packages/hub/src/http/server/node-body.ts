import type { IncomingMessage } from 'node:http'
import { HubError } from '../../base/errors.ts'
import { GatheredBytes } from '../message/gathered-bytes.ts'

/** No more is read than this before somebody takes it. */
const maxGatheredBytes = 64 * 1024

/**
 * The body of a Node request. Each piece is all that came since the last one was taken, because tiny
 * pieces that wait in a stream take an object each.
 */
export async function* readPieces(req: IncomingMessage): AsyncGenerator<Uint8Array> {
  if (req.readableDidRead) {
    throw new HubError(
      'INVALID_REQUEST',
      'Something in this server read the body before the hub could. Mount the hub before body parsers, such as express.json().',
    )
  }
  const gathered = new GatheredBytes()
  let end: { readonly failure: HubError | undefined } | undefined
  let wake = () => {}
  const finish = (failure: HubError | undefined) => {
    end ??= { failure }
    wake()
  }
  const onData = (piece: Buffer) => {
    gathered.add(piece)
    if (gathered.length >= maxGatheredBytes) req.pause()
    wake()
  }
  const onEnd = () => finish(undefined)
  const onFailure = (cause?: unknown) =>
    finish(new HubError('INVALID_REQUEST', 'The connection ended before the body did.', { cause }))
  if (req.destroyed && !req.readableEnded) onFailure()
  else if (req.readableEnded) onEnd()
  req.on('data', onData).on('end', onEnd).on('error', onFailure).on('close', onFailure)
  try {
    for (;;) {
      if (gathered.length > 0) {
        yield gathered.take()
        req.resume()
      } else if (end) {
        if (end.failure) throw end.failure
        return
      } else {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    }
  } finally {
    req.off('data', onData).off('end', onEnd).off('close', onFailure)
    // A reader that stops early still has to answer, on the same connection. The rest is dropped.
    req.resume()
  }
}
