import { createProbeClient, type ProbeClient, type ProbeStream } from './probe-client.ts'
import type { Delivery, PostFacts, ProbeFacts } from './probe-facts.ts'
import { fingerprint, type ResponseKind } from './probe-protocol.ts'
import { measureSilence } from './silence.ts'
import type { Target } from './target.ts'

/** How many streams are opened together. */
const together = 12

/**
 * Examines what is between here and the probe server at `url`. Nothing is judged by how fast it is: an
 * event counts as held back if a request that was sent after it has been answered over the same way,
 * and the event is still missing a while later.
 */
export async function examineProbe(
  target: Target,
  url: URL,
  httpVersion: '1.1' | '2',
  onProgress: (text: string) => void,
): Promise<ProbeFacts> {
  const client = createProbeClient(target, url, httpVersion)
  onProgress('looking what arrives at the server')
  const request = await examineRequest(client, target)
  if (!request.state) return { ...unknown, ...request, isCommandLost: await client.isCommandLost() }
  onProgress('watching how events come through')
  const deliveries: Delivery[] = []
  // Two at a time, so that a limit on connections does not look like something else.
  for (const isCompressionAccepted of [false, true]) {
    const both = (['bare', 'guarded'] as const).map((kind) => deliver(client, kind, isCompressionAccepted, target))
    deliveries.push(...(await Promise.all(both)))
  }
  // What holds a response back cannot show how it ends.
  const isHeld = deliveries.some(({ kind, released }) => kind === 'guarded' && released !== 'at once')
  onProgress('leaving and ending')
  const post = await examinePost(client, target)
  const leaving = isHeld ? 'unknown' : await leave(client, target)
  const brokenEnd = isHeld ? 'unknown' : await seeEnd(client, 'break', target)
  const wholeEnd = isHeld ? 'unknown' : await seeEnd(client, 'end', target)
  const opened = await openTogether(client, isHeld ? 1000 : target.timeoutMs / 2)
  const silence =
    target.deepMs === undefined || isHeld
      ? undefined
      : await measureSilence(client, target.deepMs, target.timeoutMs, onProgress)
  return {
    ...request,
    isCommandLost: false,
    deliveries,
    post,
    leaving,
    brokenEnd,
    wholeEnd,
    together: { asked: together, opened },
    silence,
  }
}

const unknown = {
  deliveries: [],
  post: { status: undefined, method: undefined, isBodyWhole: false },
  leaving: 'unknown',
  brokenEnd: 'unknown',
  wholeEnd: 'unknown',
  together: { asked: 0, opened: 0 },
  silence: undefined,
} as const satisfies Partial<ProbeFacts>

/** Waits until so many events of a stream are there. */
function hasEvents(stream: ProbeStream, count: number, timeoutMs: number): Promise<boolean> {
  return stream.live.until(({ blocks }) => blocks.filter(({ kind }) => kind === 'event').length >= count, timeoutMs)
}

/** Sends three events, each after the one before has come, and finds out what brings one that is held back. */
async function deliver(
  client: ProbeClient,
  kind: ResponseKind,
  isCompressionAccepted: boolean,
  { timeoutMs, headers }: Target,
): Promise<Delivery> {
  const coding = isCompressionAccepted ? (headers['accept-encoding'] ?? 'gzip') : 'identity'
  const stream = client.open({ kind, headers: { 'accept-encoding': coding } })
  const waitedMs = timeoutMs / 4
  const lagsMs: number[] = []
  const about = { kind, isCompressionAccepted, exchange: stream.live.facts, lagsMs, waitedMs }
  try {
    for (let count = 1; count <= 3; count++) {
      if (count > 1) await stream.command('event')
      const began = performance.now()
      // The second wait begins when a later request has been answered.
      const isThere = (await hasEvents(stream, count, waitedMs)) || (await isThereAfterAll(stream, count, waitedMs))
      if (!isThere) return { ...about, released: await push(stream, count, waitedMs) }
      if (count > 1) lagsMs.push(performance.now() - began)
    }
    return { ...about, released: 'at once' }
  } finally {
    stream.live.close()
  }
}

async function isThereAfterAll(stream: ProbeStream, count: number, waitedMs: number): Promise<boolean> {
  await stream.command('state')
  return hasEvents(stream, count, waitedMs)
}

/** Sends more and more behind an event that is held back, and ends the response at last. */
async function push(stream: ProbeStream, count: number, waitedMs: number): Promise<Delivery['released']> {
  for (let bytes = 1024; bytes <= 131_072; bytes *= 2) {
    const state = await stream.command(`comment,${bytes / 2}`)
    if (await hasEvents(stream, count, Math.min(1000, waitedMs))) return { bytes: state?.sentBytes ?? bytes }
  }
  await stream.command('end')
  return (await hasEvents(stream, count, waitedMs)) ? 'at the end' : 'never'
}

/** A stream whose server is known to have begun it. Waits for the server's word, not for the stream's bytes. */
async function stateOf(
  stream: ProbeStream,
  timeoutMs: number,
  isSo: (body: string | undefined) => boolean = () => true,
) {
  const until = performance.now() + timeoutMs
  for (;;) {
    const state = await stream.command('state')
    const { end, status = 200 } = stream.live.facts
    const isOver = end?.how === 'failed' || status !== 200 || performance.now() >= until
    if ((state && isSo(state.body)) || isOver) return state
    await stream.live.until(() => false, 50)
  }
}

async function examineRequest(client: ProbeClient, { timeoutMs, headers }: Target) {
  const own: Record<string, string> = {
    'last-event-id': 'headwater-doctor-1',
    cookie: 'headwater-doctor=1',
    authorization: headers.authorization ?? 'Bearer headwater-doctor',
    'x-headwater-doctor': '1',
    accept: 'text/event-stream',
  }
  const stream = client.open({ kind: 'guarded', headers: own })
  const state = await stateOf(stream, timeoutMs)
  stream.live.close()
  const lostHeaders = state ? Object.keys(own).filter((name) => state.headers[name] !== fingerprint(own[name]!)) : []
  return { state, lostHeaders }
}

async function examinePost(client: ProbeClient, { timeoutMs }: Target): Promise<PostFacts> {
  const body = JSON.stringify({ messages: [{ role: 'user', content: 'x'.repeat(2000) }], stream: true })
  const headers = { 'content-type': 'application/json' }
  const stream = client.open({ kind: 'guarded', method: 'POST', body, headers })
  const state = await stateOf(stream, timeoutMs, (body) => body !== undefined)
  await stream.live.until(({ status }) => status !== undefined, 100)
  stream.live.close()
  const isBodyWhole = state?.body === fingerprint(body)
  return { status: stream.live.facts.status, method: state?.method, isBodyWhole }
}

/** Goes away, and asks the server whether it has noticed. */
async function leave(client: ProbeClient, { timeoutMs }: Target): Promise<ProbeFacts['leaving']> {
  const stream = client.open({ kind: 'guarded' })
  if (!(await stateOf(stream, timeoutMs))?.isOpen) return 'unknown'
  await stream.live.until(({ blocks }) => blocks.length > 0, timeoutMs / 4)
  stream.live.close()
  const isGoneWithin = async (ms: number, operation: 'state' | 'event') => {
    for (const until = performance.now() + ms; performance.now() < until; ) {
      const state = await stream.command(operation)
      if (state && !state.isOpen) return true
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    return false
  }
  if (await isGoneWithin(timeoutMs / 4, 'state')) return 'noticed'
  return (await isGoneWithin(timeoutMs / 4, 'event')) ? 'at the next bytes' : 'unnoticed'
}

async function seeEnd(
  client: ProbeClient,
  how: 'end' | 'break',
  { timeoutMs }: Target,
): Promise<ProbeFacts['wholeEnd']> {
  const stream = client.open({ kind: 'guarded' })
  await stateOf(stream, timeoutMs)
  await stream.live.until(({ blocks }) => blocks.length > 0, timeoutMs / 4)
  await stream.command(how)
  await stream.live.until(() => false, timeoutMs / 2)
  const { end } = stream.live.facts
  stream.live.close()
  if (!end) return 'open'
  return end.how === 'finished' ? 'finished' : 'broken'
}

/** How many of several streams begin while the others are open. */
async function openTogether(client: ProbeClient, timeoutMs: number): Promise<number> {
  const streams = Array.from({ length: together }, () => client.open({ kind: 'guarded' }))
  const isOpen = (stream: ProbeStream) => stream.live.until(({ status }) => status !== undefined, timeoutMs)
  await Promise.all(streams.map(isOpen))
  // Where the head of a response is held back, the server says whether it has the request.
  const opened = await Promise.all(
    streams.map(async (stream) => stream.live.facts.status === 200 || (await stream.command('state'))?.isOpen === true),
  )
  for (const { live } of streams) live.close()
  return opened.filter(Boolean).length
}
