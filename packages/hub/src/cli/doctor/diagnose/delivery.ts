import type { EndpointFacts } from '../endpoint-facts.ts'
import { type Exchange, headerOf, isEventStream } from '../exchange.ts'
import type { Finding } from '../finding.ts'
import type { InBetween } from '../proxies.ts'
import { remediesFor } from '../remedies.ts'
import { type Burst, bufferSizeOf, burstsOf } from './bursts.ts'
import { count, counted, seconds } from './wording.ts'

const why = 'Users see nothing for a while, and then everything at once.'

/**
 * Whether events come as they are made. Of an endpoint that cannot be told to send something, this is
 * known only by its traces: what came by the direct way and not by this one, what stops in the middle
 * of an event, what comes in the sizes of buffers.
 */
export function* diagnoseDelivery(facts: EndpointFacts, between: InBetween): Generator<Finding> {
  const { watched, direct, uncompressed } = facts
  if (direct) yield* compare(watched, direct, between)
  if (watched.status !== 200 || !isEventStream(watched)) return
  const bursts = burstsOf(watched.arrivals, watched.end?.atMs ?? 0)
  const coding = headerOf(watched, 'content-encoding')
  const ofCoding = coding === undefined ? [] : [...diagnoseCoding(coding, watched, uncompressed, between)]
  yield* ofCoding
  if (!ofCoding.some(({ severity }) => severity === 'fault')) yield* diagnoseFirstByte(watched, facts, between)
  if (bursts.length === 0) return
  const lumps = lumpsOf(bursts, watched)
  if (lumps) {
    yield {
      id: 'buffering',
      severity: 'fault',
      seen: lumps,
      why,
      fix: [
        ...remediesFor('buffering', between),
        {
          where: 'in the application',
          lines: ['X-Accel-Buffering: no', '# and flush after each event, if its framework compresses or buffers'],
        },
      ],
    }
    return
  }
  const busy = bursts.filter(({ blocks, silenceMs }) => blocks >= 5 && silenceMs >= 1000)
  if (busy.length >= 2) {
    yield {
      id: 'lumps',
      severity: 'warning',
      seen: `Events come in lumps: ${busy
        .map(({ blocks, silenceMs }) => `${blocks} together after ${seconds(silenceMs)}`)
        .slice(0, 3)
        .join(', ')}.`,
      why: 'Either the application sends them so, or something holds them back. Compare with --direct, or put headwater doctor --serve in its place.',
      fix: remediesFor('buffering', between),
    }
    return
  }
  yield {
    id: 'delivery',
    severity: 'ok',
    seen: `${counted(watched.blocks.length, 'block')} came in ${counted(bursts.length, 'piece')}${bursts.length > 1 ? ', each of them whole' : ''}.`,
  }
}

function* compare(watched: Exchange, direct: Exchange, between: InBetween): Generator<Finding> {
  if (direct.status === undefined) {
    yield {
      id: 'direct-unreachable',
      severity: 'note',
      seen: `Nothing answers at --direct${direct.end?.reason ? `: ${direct.end.reason}` : ''}. There is nothing to compare with.`,
    }
    return
  }
  if (watched.status === undefined && direct.blocks[0]) {
    yield {
      id: 'buffering',
      severity: 'fault',
      seen: `What is in between holds events back: directly the first came after ${seconds(direct.blocks[0].atMs)}, through it not even the status in ${seconds(watched.end?.atMs ?? 0)}.`,
      why,
      fix: remediesFor('buffering', between),
    }
    return
  }
  if (direct.status !== watched.status) {
    yield {
      id: 'status-differs',
      severity: 'fault',
      seen: `Directly the status is ${direct.status}, through what is in between ${watched.status ?? 'none'}.`,
      why: 'What is in between answers in its place, or changes the request.',
      fix: remediesFor('request-headers', between),
    }
    return
  }
  for (const name of ['content-type', 'content-encoding', 'cache-control', 'access-control-allow-origin']) {
    const [before, after] = [headerOf(direct, name), headerOf(watched, name)]
    if (before === after) continue
    yield {
      id: 'header-changed',
      severity: name === 'content-type' || name === 'access-control-allow-origin' ? 'fault' : 'warning',
      seen: `What is in between changes ${name}: directly ${before ?? 'none'}, through it ${after ?? 'none'}.`,
      why: 'Clients and caches act on what they get, not on what the application sent.',
      fix: remediesFor(name === 'content-encoding' ? 'compression' : 'response-headers', between),
    }
  }
  const late = latest(watched, direct)
  if (late === undefined || late.ms < 1000) {
    yield { id: 'direct', severity: 'ok', seen: 'What is in between delivers as fast as the direct way.' }
    return
  }
  yield {
    id: 'buffering',
    severity: 'fault',
    seen: `What is in between holds events back: ${late.text}.`,
    why,
    fix: remediesFor('buffering', between),
  }
}

/** How much later the same event came than by the direct way. */
function latest(watched: Exchange, direct: Exchange): { ms: number; text: string } | undefined {
  const [first] = direct.blocks
  if (first && watched.blocks.length === 0) {
    const ms = (watched.end?.atMs ?? 0) - first.atMs
    return {
      ms,
      text: `directly the first came after ${seconds(first.atMs)}, through it nothing in ${seconds(watched.end?.atMs ?? 0)}`,
    }
  }
  let found: { ms: number; text: string } | undefined
  for (const there of direct.blocks) {
    const here = watched.blocks.find(
      ({ kind, id, data }) => kind === there.kind && id === there.id && data === there.data,
    )
    const ms = here ? here.atMs - there.atMs : 0
    if (here && ms > (found?.ms ?? 0)) found = { ms, text: `the same event came ${seconds(ms)} later than directly` }
  }
  return found
}

function* diagnoseCoding(
  coding: string,
  watched: Exchange,
  uncompressed: Exchange | undefined,
  between: InBetween,
): Generator<Finding> {
  const broken = watched.oddities.find(({ kind }) => kind === 'coding')
  const fix = [
    {
      where: 'in the application',
      lines: [
        'Cache-Control: no-cache, no-transform',
        '# and no compression for text/event-stream, or a flush after each event',
      ],
    },
    ...remediesFor('compression', between),
  ]
  if (broken) {
    yield {
      id: 'coding-broken',
      severity: 'fault',
      seen: `Content-Encoding is ${coding}, and the body is not: ${broken.detail}.`,
      why: 'Clients cannot read it.',
      fix,
    }
    return
  }
  const missing = (uncompressed?.blocks.length ?? 0) - watched.blocks.length
  const first = uncompressed?.blocks[0]
  if (uncompressed && first && (watched.blocks.length === 0 || missing >= 3)) {
    yield {
      id: 'compression-holds-back',
      severity: 'fault',
      seen: `Compression (${coding}) holds events back: compressed ${counted(watched.blocks.length, 'block')} came, uncompressed ${count(uncompressed.blocks.length)} in the same time.`,
      why,
      fix,
    }
    return
  }
  yield {
    id: 'compressed',
    severity: 'note',
    seen: `The stream is compressed (${coding})${watched.blocks.length > 0 ? ', and events come through it as they are made' : ''}.`,
  }
}

function* diagnoseFirstByte(
  watched: Exchange,
  { target, probe }: EndpointFacts,
  between: InBetween,
): Generator<Finding> {
  const { headersMs = 0, arrivals, blocks, end } = watched
  const [first] = arrivals
  if (blocks.length === 0 && !probe && target.direct === undefined) {
    yield {
      id: 'silent',
      severity: 'warning',
      seen: `The status came after ${seconds(headersMs)}, and then ${first ? `${counted(sum(arrivals), 'byte')} and no event` : 'nothing'} in ${seconds(end?.atMs ?? 0)}${first ? '' : ': no event, and no heartbeat'}.`,
      why: 'Either there was nothing to send, or it is held back: from outside the two look the same. A stream that is silent is cut by most proxies after a minute.',
      fix: [
        {
          where: 'to tell the two apart',
          lines: [
            'headwater doctor URL --direct http://127.0.0.1:3000/events',
            'headwater doctor --serve # in the place of the application',
          ],
        },
        { where: 'in the application', lines: ['# a comment line at once, and every 15 s: response.write(":\\n\\n")'] },
      ],
    }
    return
  }
  if (headersMs < 2000 || !first || first.atMs - headersMs > 100) return
  yield {
    id: 'first-byte-late',
    severity: 'warning',
    seen: `The status came only after ${seconds(headersMs)}, together with the first ${counted(first.bytes, 'byte')}.`,
    why: 'Either the application sends no headers until its first event, or something in between waits for bytes. Until then a client does not know that it is connected.',
    fix: [
      { where: 'in the application', lines: ['response.flushHeaders() // or a comment line at once'] },
      ...remediesFor('buffering', between),
    ],
  }
}

function sum(arrivals: readonly { bytes: number }[]): number {
  return arrivals.reduce((total, { bytes }) => total + bytes, 0)
}

/** The traces of a buffer that passes on what it has only when it is full. */
function lumpsOf(bursts: readonly Burst[], { end }: Exchange): string | undefined {
  // An application may write an event in pieces, but not in pieces of a buffer's size.
  const cut = bursts.filter(({ stopsInside, bytes }) => stopsInside && bytes >= 1000)
  const sums = bursts.map((_, index) => sum(bursts.slice(0, index + 1)))
  const round = bursts.flatMap(({ silenceMs, bytes, blocks }, index) => {
    const size = silenceMs >= 1000 && blocks > 1 ? (bufferSizeOf(bytes) ?? bufferSizeOf(sums[index]!)) : undefined
    return size !== undefined && size >= 4096 ? [size] : []
  })
  if (cut.length > 0 && (cut.length > 1 || bufferSizeOf(cut[0]!.bytes) !== undefined)) {
    const size = bufferSizeOf(cut[0]!.bytes)
    return `Events are held back until a buffer is full: ${counted(cut[0]!.bytes, 'byte')} came, the last event of them cut in the middle, and then nothing for a while${size === undefined ? '' : ` (a buffer of ${count(size)})`}.`
  }
  if (round.length >= 2) {
    return `Events come in lumps of ${count(round[0]!)} bytes, the size of a buffer, ${round.length} times after a silence.`
  }
  const [first] = bursts
  if (bursts.length === 1 && first!.blocks >= 5 && first!.atMs > 3000 && end?.how === 'finished') {
    return `All ${first!.blocks} blocks came together after ${seconds(first!.atMs)}, with the end of the response.`
  }
  return undefined
}
