declare const setImmediate: ((task: () => void) => unknown) | undefined

let channel: MessageChannel | undefined
const tasks: (() => void)[] = []

/**
 * Resolves in a task of its own, so that everything the current one left behind, promises included, is done first.
 *
 * `setImmediate` where there is one (Node, Bun, Deno): about a microsecond. In browsers a message to oneself, which unlike a
 * timer is neither held back to 4 ms nor slowed down to once a minute in a hidden tab. Else a timer (workerd of old).
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else if (globalThis.MessageChannel) {
      tasks.push(resolve)
      if (!channel) {
        channel = new MessageChannel()
        channel.port1.onmessage = () => tasks.shift()!()
      }
      channel.port2.postMessage(0)
    } else setTimeout(resolve)
  })
}
