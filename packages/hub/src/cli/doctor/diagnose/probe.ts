import { headerOf, isEventStream } from '../exchange.ts'
import type { Finding } from '../finding.ts'
import type { Delivery, ProbeFacts, SilenceFacts } from '../probe-facts.ts'
import { probeData } from '../probe-protocol.ts'
import type { InBetween } from '../proxies.ts'
import { remediesFor } from '../remedies.ts'
import { count, list, seconds } from './wording.ts'

const why = 'Users see nothing for a while, and then everything at once.'

/** What is wrong between here and the probe server: it is known exactly what was sent. */
export function* diagnoseProbe(facts: ProbeFacts, between: InBetween): Generator<Finding> {
  if (!facts.state && !facts.isCommandLost) {
    yield {
      id: 'unanswered',
      severity: 'fault',
      seen: 'While a stream is open, further requests get no answer.',
      why: 'A page that has a stream cannot load or send anything else.',
      fix: remediesFor('connections', between),
    }
    return
  }
  if (!facts.state) {
    yield {
      id: 'query-lost',
      severity: 'fault',
      seen: 'The probe server answers, and does not get the query of the URL.',
      why: 'A subscription that is in the query, such as ?topic=news, does not arrive.',
      fix: remediesFor('query', between),
    }
    return
  }
  yield* diagnoseDeliveries(facts.deliveries, between)
  yield* diagnoseChanges(facts.deliveries, between)
  yield* diagnoseRequest(facts, between)
  yield* diagnoseEnds(facts, between)
  if (facts.silence) yield diagnoseSilence(facts.silence, between)
}

function* diagnoseDeliveries(deliveries: readonly Delivery[], between: InBetween): Generator<Finding> {
  // What was refused is named by its status.
  if (deliveries.some(({ exchange: { status = 200 } }) => status !== 200)) return
  const find = (kind: Delivery['kind'], isCompressionAccepted: boolean) =>
    deliveries.find((each) => each.kind === kind && each.isCompressionAccepted === isCompressionAccepted)!
  const isHeld = ({ released }: Delivery) => released !== 'at once'
  const codingOf = ({ exchange }: Delivery) => headerOf(exchange, 'content-encoding')
  const [bare, guarded] = [find('bare', false), find('guarded', false)]
  const [bareCompressed, guardedCompressed] = [find('bare', true), find('guarded', true)]
  const fix = remediesFor('buffering', between)
  // All of them: one alone may be late by chance.
  const lagMs = Math.min(...deliveries.flatMap(({ lagsMs }) => lagsMs))
  const isHeldPlain = isHeld(guarded) && !isHeld(guardedCompressed) && codingOf(guardedCompressed) !== undefined
  if (isHeldPlain) {
    yield {
      id: 'compression-holds-back',
      severity: 'fault',
      seen: `What is in between compresses the stream (${codingOf(guardedCompressed)}), although the application sends Cache-Control: no-transform. For a client that accepts no compression, ${lower(held(guarded))}.`,
      why: 'Browsers accept compression. Many programs do not, and get nothing until the end.',
      fix: remediesFor('compression', between),
    }
    return
  }
  if (isHeld(guarded)) {
    // What compresses may be what holds back.
    const ofCoding = codingOf(guardedCompressed) === undefined ? [] : remediesFor('compression', between)
    const seen = `${held(guarded)}, also with X-Accel-Buffering: no.`
    yield { id: 'buffering', severity: 'fault', seen, why, fix: [...ofCoding, ...fix] }
  } else if (isHeld(bare)) {
    yield {
      id: 'buffering-unless-told',
      severity: 'warning',
      seen: `${held(bare)}, unless the application sends X-Accel-Buffering: no and Cache-Control: no-transform.`,
      why: `${why} That is so for every application that does not send them.`,
      fix: [
        ...fix,
        { where: 'or in the application', lines: ['X-Accel-Buffering: no', 'Cache-Control: no-cache, no-transform'] },
      ],
    }
  } else if (lagMs >= 100) {
    yield {
      id: 'delayed',
      severity: 'warning',
      seen: `Each event comes at least ${count(lagMs)} ms later than the answer to a request that was sent after it.`,
      why: 'Something waits whether more follows. That is felt wherever people type, play or watch words appear.',
      fix: remediesFor('delay', between),
    }
  } else {
    yield {
      id: 'delivery',
      severity: 'ok',
      seen: 'Each event comes before the next is sent, whatever headers the application sends.',
    }
  }
  const holding = [guardedCompressed, bareCompressed].find(
    (each, index) => isHeld(each) && !isHeld([guarded, bare][index]!),
  )
  if (holding) {
    const isTold = holding.kind === 'guarded'
    yield {
      id: isTold ? 'compression-holds-back' : 'compression-unless-told',
      severity: isTold ? 'fault' : 'warning',
      seen: `If the client accepts compression, as browsers do: ${lower(held(holding))}${isTold ? ', also with Cache-Control: no-transform' : ', unless the application sends Cache-Control: no-transform'}.`,
      why,
      fix: [
        ...remediesFor('compression', between),
        ...(isTold ? [] : [{ where: 'or in the application', lines: ['Cache-Control: no-cache, no-transform'] }]),
      ],
    }
  } else if (codingOf(guardedCompressed) !== undefined) {
    yield {
      id: 'transformed',
      severity: 'warning',
      seen: `The stream is compressed (${codingOf(guardedCompressed)}) although the application sends Cache-Control: no-transform${isHeld(guardedCompressed) ? '' : '. Events come through'}.`,
      why: 'It costs memory and processor time for each stream, and a change of settings is enough to hold events back.',
      fix: remediesFor('compression', between),
    }
  } else if (codingOf(bareCompressed) !== undefined) {
    yield {
      id: 'compressed',
      severity: 'note',
      seen: `Without Cache-Control: no-transform, the stream is compressed (${codingOf(bareCompressed)}). Events come through.`,
    }
  } else yield { id: 'compression', severity: 'ok', seen: 'Nothing compresses the stream.' }
}

function held({ released, exchange, waitedMs }: Delivery): string {
  const status =
    exchange.status === undefined || (exchange.headersMs ?? 0) > waitedMs
      ? 'Events and even the status are held back'
      : 'Events are held back'
  if (released === 'at the end') return `${status} until the response is over`
  if (released === 'never') return `${status}, and do not come even with the end of the response`
  if (released === 'at once') return 'Events come at once'
  return `${status} until about ${count(released.bytes)} bytes have been sent`
}

function lower(text: string): string {
  return text[0]!.toLowerCase() + text.slice(1)
}

function* diagnoseChanges(deliveries: readonly Delivery[], between: InBetween): Generator<Finding> {
  const arrived = deliveries.filter(({ exchange }) => exchange.status !== undefined)
  const refused = arrived.find(({ exchange }) => exchange.status !== 200)
  if (refused) {
    yield {
      id: 'status-changed',
      severity: 'fault',
      seen: `The server answers 200, and ${refused.exchange.status} arrives.`,
      why: 'What is in between answers in its place: it does not reach the server, or refuses the request.',
    }
    return
  }
  const other = arrived.find(
    ({ exchange }) => !isEventStream(exchange) || /charset=(?!"?utf-8)/i.test(headerOf(exchange, 'content-type') ?? ''),
  )
  if (other) {
    yield {
      id: isEventStream(other.exchange) ? 'charset' : 'content-type',
      severity: 'fault',
      seen: `The server sends Content-Type text/event-stream, and ${headerOf(other.exchange, 'content-type') ?? 'none'} arrives.`,
      why: 'An EventSource closes at once and does not come back.',
      fix: remediesFor('response-headers', between),
    }
  }
  const guarded = arrived.find(({ kind }) => kind === 'guarded')
  if (guarded && !/no-transform/i.test(headerOf(guarded.exchange, 'cache-control') ?? '')) {
    yield {
      id: 'cache-control-lost',
      severity: 'warning',
      seen: `The server sends Cache-Control: no-cache, no-transform, and ${headerOf(guarded.exchange, 'cache-control') ?? 'none'} arrives.`,
      why: 'What comes after it, up to the browser, may keep or compress the stream.',
      fix: remediesFor('response-headers', between),
    }
  }
  // What is read whole gets a length and an age by that.
  const isReadWhole = deliveries.some(({ released }) => released === 'at the end' || released === 'never')
  const whole = arrived.find(({ exchange }) => exchange.headers['content-length'] !== undefined)
  if (whole && !isReadWhole) {
    yield {
      id: 'content-length',
      severity: 'fault',
      seen: `Content-Length is ${headerOf(whole.exchange, 'content-length')}: the whole response was read before it was passed on.`,
      why,
      fix: remediesFor('buffering', between),
    }
  }
  const cached = arrived.find(({ exchange }) => Number(headerOf(exchange, 'age')) > 0)
  if (cached && !isReadWhole) {
    yield {
      id: 'cached',
      severity: 'fault',
      seen: `The response came from a cache (Age: ${headerOf(cached.exchange, 'age')}).`,
      why: 'Users get events of the past.',
      fix: remediesFor('caching', between),
    }
  }
  const changed = arrived
    .flatMap(({ exchange }) => exchange.blocks)
    .find(({ kind, data }) => kind === 'event' && data !== probeData)
  if (changed) {
    yield {
      id: 'data-changed',
      severity: 'fault',
      seen: `The data of an event arrives changed: ${JSON.stringify(changed.data.slice(0, 60))}.`,
      why: 'Users read something else than was sent.',
      fix: remediesFor('response-headers', between),
    }
  }
}

function* diagnoseRequest({ lostHeaders, state, post, together }: ProbeFacts, between: InBetween): Generator<Finding> {
  const consequences: Record<string, string> = {
    'last-event-id': 'A client that comes back cannot say what it has: it misses what came meanwhile.',
    authorization: 'Users are refused, although their token is right.',
    cookie: 'Users are refused, although they are logged in.',
    accept: 'A server that tells event streams by Accept answers with something else.',
    'x-headwater-doctor': 'Headers of the application do not arrive.',
  }
  const titles: Record<string, string> = {
    'last-event-id': 'Last-Event-ID',
    authorization: 'Authorization',
    cookie: 'Cookie',
    accept: 'Accept',
    'x-headwater-doctor': 'X-Headwater-Doctor',
  }
  for (const name of lostHeaders) {
    yield {
      id: name === 'last-event-id' ? 'last-event-id-lost' : 'request-header-lost',
      severity: 'fault',
      seen: `The request header ${titles[name]} does not arrive at the server as it was sent.`,
      why: consequences[name]!,
      fix: remediesFor(name === 'authorization' ? 'authorization' : 'request-headers', between, {
        name: titles[name]!,
      }),
    }
  }
  if (lostHeaders.length === 0)
    yield {
      id: 'request-headers',
      severity: 'ok',
      seen: `${list(Object.values(titles).slice(0, 3))} arrive at the server as they were sent.`,
    }
  if (state!.httpVersion === '1.0') {
    yield {
      id: 'http-1.0',
      severity: 'warning',
      seen: 'What is in between asks the server by HTTP/1.0.',
      why: 'A server cannot tell it where a response ends, so a stream that breaks off looks complete, and each request takes a new connection.',
      fix: remediesFor('http-1.0', between),
    }
  }
  if (post.method === undefined || post.method !== 'POST' || !post.isBodyWhole) {
    yield {
      id: 'post-lost',
      severity: 'warning',
      seen:
        post.method === undefined
          ? `A POST does not reach the server: ${post.status === undefined ? 'no answer' : `status ${post.status}`} arrives.`
          : `A POST arrives as ${post.method}${post.isBodyWhole ? '' : ', without its whole body'}.`,
      why: 'Streams that are asked for by POST, as those of language models, do not work.',
      fix: remediesFor('post', between),
    }
  } else yield { id: 'post', severity: 'ok', seen: 'A stream asked for by POST gets its whole body to the server.' }
  if (together.opened < together.asked) {
    yield {
      id: 'connections-limited',
      severity: 'fault',
      seen: `Of ${together.asked} streams opened together, ${together.opened} began.`,
      why: 'Some users get no stream while others have one.',
      fix: remediesFor('connections', between),
    }
  } else yield { id: 'connections', severity: 'ok', seen: `${together.asked} streams opened together all began.` }
}

function* diagnoseEnds({ leaving, brokenEnd, wholeEnd }: ProbeFacts, between: InBetween): Generator<Finding> {
  if (leaving === 'noticed')
    yield { id: 'leaving', severity: 'ok', seen: 'The server notices at once when a client leaves.' }
  else if (leaving === 'at the next bytes') {
    yield {
      id: 'leaving-late',
      severity: 'note',
      seen: 'The server notices that a client has left only when it sends the next bytes.',
      why: 'Until then it counts as connected, and work for it goes on. A heartbeat every 10 s bounds that.',
      fix: remediesFor('leaving', between),
    }
  } else if (leaving === 'unnoticed') {
    yield {
      id: 'leaving-unnoticed',
      severity: 'warning',
      seen: 'The server does not notice that a client has left, even while it goes on sending.',
      why: 'Clients that are long gone count as connected, and what is sent to them costs work.',
      fix: remediesFor('leaving', between),
    }
  }
  if (brokenEnd === 'finished') {
    yield {
      id: 'break-looks-complete',
      severity: 'note',
      seen: 'A response that the server breaks off arrives as a complete one.',
      why: 'An EventSource comes back in either case. A reader that takes a complete response for the end of the stream does not.',
    }
  }
  if (wholeEnd === 'broken') {
    yield {
      id: 'end-looks-broken',
      severity: 'warning',
      seen: 'A response that the server completes arrives broken off.',
      why: 'A reader of a POST takes a whole answer for half of one.',
    }
  } else if (wholeEnd === 'open') {
    yield {
      id: 'end-unseen',
      severity: 'warning',
      seen: 'The server ends the response, and the client does not see the end.',
      why: 'A client waits for something that will not come.',
    }
  }
}

function diagnoseSilence({ passedMs, cutMs, how }: SilenceFacts, between: InBetween): Finding {
  if (cutMs === undefined)
    return { id: 'idle-timeout', severity: 'ok', seen: `A stream may be silent for ${seconds(passedMs)}.` }
  const seen = `A stream that is silent for ${seconds(cutMs)} is ${how === 'lost' ? 'lost: it stays open, and nothing comes any more' : 'cut'}${passedMs > 0 ? `; after ${seconds(passedMs)} an event still came` : ''}.`
  const heartbeat = `# a heartbeat every ${Math.max(1, Math.floor(cutMs / 3000))} s or more often`
  const fix = [...remediesFor('idle-timeout', between), { where: 'and in the application', lines: [heartbeat] }]
  // Heartbeats of servers come every 15 to 30 s.
  if (cutMs < 31_000)
    return {
      id: 'idle-timeout',
      severity: 'fault',
      seen,
      why: 'Common heartbeats come every 15 to 30 s: too seldom to keep it open. Users lose the connection over and over.',
      fix,
    }
  return {
    id: 'idle-timeout',
    severity: 'note',
    seen,
    why: 'A stream without heartbeats is cut over and over.',
    fix: [{ where: 'in the application', lines: [heartbeat] }],
  }
}
