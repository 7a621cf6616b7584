/** The type under which a client of these checks sees a position. Ours keeps those of the hub to itself. */
export const shownPosition = 'shown-position'

/** The same response, in which positions are events like any other: what a checker is to know of them. */
export function showPositions(response: Response): Response {
  if (!response.body) return response
  let held = ''
  const show = (text: string, controller: TransformStreamDefaultController<Uint8Array>) => {
    if (text !== '') controller.enqueue(Buffer.from(text, 'latin1'))
  }
  const shown = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      const text = (held + Buffer.from(chunk).toString('latin1')).replaceAll(hidden, `event: ${shownPosition}\n`)
      // What may be the beginning of one is held back.
      let length = Math.min(hidden.length - 1, text.length)
      while (!hidden.startsWith(text.slice(text.length - length))) length--
      held = text.slice(text.length - length)
      show(text.slice(0, text.length - length), controller)
    },
    flush: (controller) => show(held, controller),
  })
  return new Response(response.body.pipeThrough(shown), response)
}

const hidden = 'event: headwater-position\n'
