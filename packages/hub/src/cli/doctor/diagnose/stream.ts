import type { EndpointFacts } from '../endpoint-facts.ts'
import { type Exchange, isEventStream } from '../exchange.ts'
import type { Finding } from '../finding.ts'
import { counted, seconds } from './wording.ts'

/** What the stream itself says: its blocks, its oddities, its end. */
export function* diagnoseStream({ watched, target }: EndpointFacts): Generator<Finding> {
  if (watched.status !== 200 || !isEventStream(watched)) return
  yield* diagnoseOddities(watched)
  yield* diagnoseEnd(watched, target.method)
  const { retryMs, blocks } = watched
  if (retryMs !== undefined) yield diagnoseRetry(retryMs)
  const positions = blocks.filter(({ kind, data }) => kind === 'position' && data === '')
  if (positions.length > 0) {
    yield {
      id: 'id-only-blocks',
      severity: 'warning',
      seen: `${counted(positions.length, 'block')} with an id and no data came (id: ${positions[0]!.id}).`,
      why: 'By the standard they move the last event ID. Firefox, WebKit and several libraries ignore them, and resume from an older place.',
      fix: [{ where: 'in the application', lines: ['# send the id with an event that has data'] }],
    }
  }
  const beats = blocks.filter(({ kind, data }) => kind === 'comment' && data.trim().length < 20)
  const events = blocks.filter(({ kind }) => kind === 'event')
  if (beats.length > 1) {
    yield {
      id: 'heartbeat',
      severity: 'ok',
      seen: `Heartbeats come about every ${seconds((beats.at(-1)!.atMs - beats[0]!.atMs) / (beats.length - 1))}.`,
    }
  } else if (target.method === 'GET' && events.length === 0 && blocks.length > 0) {
    yield {
      id: 'no-events',
      severity: 'note',
      seen: `No event came in ${seconds(watched.end?.atMs ?? 0)}, only ${counted(blocks.length, 'comment or position')}.`,
    }
  }
}

function* diagnoseOddities({ oddities }: Exchange): Generator<Finding> {
  const has = (kind: (typeof oddities)[number]['kind']) => oddities.find((each) => each.kind === kind)
  if (has('bom-twice')) {
    yield {
      id: 'bom-twice',
      severity: 'fault',
      seen: 'The stream begins with two byte order marks. A client drops one, and the other is part of the first field.',
      why: 'The first event is lost, or loses its first line.',
      fix: [{ where: 'in the application', lines: ['# write no byte order mark: U+FEFF, EF BB BF'] }],
    }
  }
  if (has('bom-inside') && !has('bom-twice')) {
    yield {
      id: 'bom-inside',
      severity: 'fault',
      seen: 'There is a byte order mark inside the stream, at the beginning of a line.',
      why: 'That line is ignored: an event loses its data, its type or its id.',
      fix: [{ where: 'in the application', lines: ['# write no byte order mark: U+FEFF, EF BB BF'] }],
    }
  }
  const notUtf8 = has('not-utf-8')
  if (notUtf8) {
    yield {
      id: 'not-utf-8',
      severity: 'fault',
      seen: `The stream is not UTF-8: it has bytes that are no characters (${JSON.stringify(notUtf8.detail.slice(Math.max(0, notUtf8.detail.indexOf('\uFFFD') - 20)).slice(0, 40))}).`,
      why: 'Users read � in place of letters. Event streams are always UTF-8.',
      fix: [
        { where: 'in the application', lines: ["# encode as UTF-8, whatever the application's own character set is"] },
      ],
    }
  }
  const unknown = has('unknown-field')
  if (unknown) {
    yield {
      id: 'unknown-field',
      severity: 'warning',
      seen: `The stream has lines that no client understands: ${unknown.detail.replace(/^Ignored /, '')}.`,
      why: 'Clients ignore them. Often a line break inside the data has lost its "data:".',
      fix: [{ where: 'in the application', lines: ['# begin each line of the data with "data: "'] }],
    }
  }
  for (const kind of ['invalid-retry', 'invalid-id'] as const) {
    const found = has(kind)
    if (!found) continue
    yield {
      id: kind,
      severity: 'warning',
      seen: `The stream has a field that clients ignore: ${found.detail.replace(/^Ignored /, '')}.`,
      why: kind === 'invalid-retry' ? 'retry: is a whole number of milliseconds.' : 'An id with NUL does not count.',
    }
  }
}

function* diagnoseEnd({ end, blocks, arrivals }: Exchange, method: string): Generator<Finding> {
  if (!end || end.how === 'closed') {
    yield { id: 'end', severity: 'ok', seen: `The stream stayed open for the ${seconds(end?.atMs ?? 0)} of the watch.` }
    return
  }
  const silence = end.atMs - (arrivals.at(-1)?.atMs ?? 0)
  const after = silence >= 1000 ? `, ${seconds(silence)} after the last byte` : ''
  if (end.how === 'broken') {
    yield {
      id: 'cut',
      severity: 'fault',
      seen: `The connection was cut after ${seconds(end.atMs)}${after}, inside the response.`,
      why: 'An EventSource comes back, and loses what came meanwhile unless ids let it resume; a reader of a POST has half an answer.',
      fix: [
        {
          where: 'in between',
          lines: ['# a timeout longer than three heartbeats: --deep measures it with headwater doctor --serve'],
        },
      ],
    }
    return
  }
  if (method !== 'GET') {
    yield {
      id: 'end',
      severity: 'ok',
      seen: `The response was complete after ${seconds(end.atMs)}, with ${counted(blocks.length, 'block')}.`,
    }
    return
  }
  yield {
    id: 'ends',
    severity: 'warning',
    seen: `The stream ended by itself after ${seconds(end.atMs)}${after}, with ${counted(blocks.length, 'block')}.`,
    why: 'An EventSource takes that for an interruption and asks again, forever. Some other readers take it for the end and never ask again.',
    fix: [
      {
        where: 'in the application',
        lines: ['# keep the response open; if it is over for good, answer the next request with 204'],
      },
    ],
  }
}

function diagnoseRetry(retryMs: number): Finding {
  if (retryMs < 500) {
    return {
      id: 'retry',
      severity: 'warning',
      seen: `retry: ${retryMs} has every client come back after ${seconds(retryMs)}.`,
      why: 'After a restart of the server all of them come in the same moment, again and again.',
      fix: [{ where: 'in the application', lines: ['retry: 3000'] }],
    }
  }
  if (retryMs > 60_000) {
    return {
      id: 'retry',
      severity: 'warning',
      seen: `retry: ${retryMs} keeps clients away for ${seconds(retryMs)} after each interruption.`,
      why: 'Users miss events for that long.',
      fix: [{ where: 'in the application', lines: ['retry: 3000'] }],
    }
  }
  return { id: 'retry', severity: 'ok', seen: `retry: ${retryMs} has clients come back after ${seconds(retryMs)}.` }
}
