import { SseError } from '../protocol/errors.ts'
import { plainForm, unknownNameText } from '../protocol/names.ts'

export { namesOf } from '../protocol/names.ts'

/** Throws `INVALID_OPTION` for a name that means nothing here, with the one that was probably meant. */
export function refuseUnknownName(what: string, given: object, known: ReadonlySet<string>): void {
  const problem = unknownName(what, given, known)
  if (problem !== undefined) throw new SseError('INVALID_OPTION', problem)
}

/**
 * Says which name of an object means nothing here, and which was probably meant. Returns `undefined`
 * if there is none. Inherited names count, because reading a member finds them, too.
 */
export function unknownName(what: string, given: object, known: ReadonlySet<string>): string | undefined {
  for (const name in given) if (!known.has(name)) return unknownNameText(what, name, known, suggestName(name, known))
  return undefined
}

/** The known name that was probably meant: another spelling, another word for it, or a typing error. */
export function suggestName(name: string, known: Iterable<string>): string | undefined {
  const names = [...known]
  const plain = plainForm(name)
  const meant = otherWords[plain]?.find((each) => names.includes(each))
  return (
    names.find((each) => plainForm(each) === plain) ??
    meant ??
    names.find((each) => plain.length > 3 && plainForm(each).includes(plain)) ??
    nearest(plain, names) ??
    names.find((each) => each.length > 3 && plain.includes(plainForm(each)))
  )
}

/** What other libraries and the standard call it. */
const otherWords: Readonly<Record<string, readonly string[] | undefined>> = Object.assign(Object.create(null), {
  name: ['type'],
  event: ['type'],
  eventtype: ['type'],
  eventname: ['type'],
  lasteventid: ['id'],
  eventid: ['id'],
  dir: ['directory'],
  path: ['directory'],
  payload: ['data'],
  message: ['data'],
  content: ['data'],
  channel: ['topic'],
  since: ['lastEventId'],
  maxbuffersize: ['maxEventBytes', 'maxUnsentBytes'],
  buffersize: ['maxUnsentBytes', 'maxEventBytes'],
  keepalive: ['heartbeatMs'],
  ping: ['heartbeatMs'],
  pinginterval: ['heartbeatMs'],
  heartbeatinterval: ['heartbeatMs'],
  heartbeattimeout: ['idleTimeoutMs'],
  timeout: ['idleTimeoutMs', 'stallTimeoutMs'],
  retries: ['maxRetries'],
  attempts: ['maxRetries'],
  maxattempts: ['maxRetries'],
  delay: ['reconnectionTimeMs'],
  reconnectinterval: ['reconnectionTimeMs'],
  maxdelay: ['maxBackoffMs'],
  reconnect: ['retry'],
  onmessage: ['onEvent'],
  onerror: ['onState'],
  onclose: ['onState', 'onUnsubscribe'],
  onconnect: ['onSubscribe', 'onOpen'],
  ondisconnect: ['onUnsubscribe', 'onState'],
  schema: ['events'],
  schemas: ['events'],
  validate: ['events'],
  serializer: ['serialize'],
  stringify: ['serialize'],
  exclude: ['except'],
  maxrooms: ['maxChannels'],
  transform: ['toEvent'],
  auth: ['tokens', 'authorize'],
  jwt: ['tokens'],
})

function nearest(plain: string, names: readonly string[]): string | undefined {
  const most = Math.floor(plain.length / 4) + 1
  let best: { name: string; edits: number } | undefined
  for (const name of names) {
    const edits = editDistance(plain, plainForm(name))
    if (edits <= most && edits < (best?.edits ?? Number.POSITIVE_INFINITY)) best = { name, edits }
  }
  return best?.name
}

/** How many characters are to be added, removed or replaced. */
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 10) return Number.POSITIVE_INFINITY
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}
