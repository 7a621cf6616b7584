/** 32 random bits for an event. Asked from the system by the thousand: each time takes as long as all else that an append in memory does. */
export function randomTag(): number {
  if (next === tags.length) {
    crypto.getRandomValues(tags)
    next = 0
  }
  return tags[next++]!
}

const tags = new Uint32Array(1024)
let next = tags.length
