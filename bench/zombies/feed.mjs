// What every server of this comparison does beside its library: it sends everybody the same event,
// five times a second, without waiting for anybody, as a live feed does. Runs in Node, Bun and Deno.

const everyMs = 200
const data = 'x'.repeat(4000)
const senders = new Set()

setInterval(() => {
  for (const send of senders) send(data)
}, everyMs)

/** Adds a client. Returns what removes it: the server calls it when its library says that the client left. */
export function join(send) {
  senders.add(send)
  return () => senders.delete(send)
}

/** The answer to `/report`: how many clients the server believes to have. */
export function report() {
  return JSON.stringify({ clients: senders.size })
}

export const host = process.env.HOST
