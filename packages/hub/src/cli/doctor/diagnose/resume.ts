import type { EndpointFacts } from '../endpoint-facts.ts'
import { isEventStream } from '../exchange.ts'
import type { Finding } from '../finding.ts'
import type { InBetween } from '../proxies.ts'
import { remediesFor } from '../remedies.ts'
import { counted } from './wording.ts'

/** What a client gets that comes back with a last event ID. */
export function* diagnoseResume(
  { watched, resume, published, target }: EndpointFacts,
  between: InBetween,
): Generator<Finding> {
  if (watched.status !== 200 || !isEventStream(watched) || target.method !== 'GET') return
  const events = watched.blocks.filter(({ kind }) => kind === 'event')
  if (!resume) {
    if (events.length === 0) return
    yield {
      id: 'no-ids',
      severity: 'note',
      seen: `${events.length === 1 ? 'The event that came has' : `The ${counted(events.length, 'event')} that came have`} no id.`,
      why: 'A client that comes back cannot say what it has, so it misses what came meanwhile. That is right only for values where the newest is enough.',
      fix: [
        { where: 'in the application', lines: ['id: 42', '# and answer Last-Event-ID: 42 with what came after it'] },
      ],
    }
    return
  }
  const { lastEventId, expected, exchange } = resume
  if (expected.length === 0 && events.filter(({ id }) => id === lastEventId).length > 1) {
    yield {
      id: 'same-id',
      severity: 'warning',
      seen: `All events have the same id, ${lastEventId}.`,
      why: 'A client that comes back says it, and the server cannot know which of them it has.',
      fix: [{ where: 'in the application', lines: ['# another id for each event, or none'] }],
    }
    return
  }
  if (exchange.status !== 200) {
    yield {
      id: 'resume-refused',
      severity: 'fault',
      seen: `Coming back with Last-Event-ID ${lastEventId} is answered with ${exchange.status ?? 'nothing'}.`,
      why: 'An EventSource gives up at any status but 200.',
    }
    return
  }
  const ids = exchange.blocks.flatMap(({ kind, id }) => (kind === 'event' && id !== undefined ? [id] : []))
  const [next] = expected
  const fix = [
    { where: 'in the application', lines: ['# read the header Last-Event-ID, and begin after that event'] },
    ...remediesFor('request-headers', between, { name: 'Last-Event-ID' }),
  ]
  if (ids[0] === lastEventId) {
    yield {
      id: 'resume-ignored',
      severity: 'fault',
      seen: `Coming back with Last-Event-ID ${lastEventId}, the stream begins with ${ids[0]} again.`,
      why: 'Each interruption repeats to users what they have already. The header is not read, or does not arrive.',
      fix,
    }
    return
  }
  if (next !== undefined && ids[0] === next) {
    yield {
      id: 'resume',
      severity: 'ok',
      seen: `Coming back with Last-Event-ID ${lastEventId}, the stream goes on with ${next}: nothing is lost.`,
    }
    return
  }
  if (next === undefined) {
    // A published event has shown it.
    if (published?.isResumed !== undefined) return
    yield {
      id: 'resume-unknown',
      severity: 'note',
      seen: 'Only one id came, so it cannot be seen whether a client that comes back gets what it missed.',
    }
    return
  }
  yield {
    id: 'resume-loses',
    severity: 'fault',
    seen: `Coming back with Last-Event-ID ${lastEventId}, event ${next}, which followed it, does not come again${ids[0] === undefined ? '' : `: the stream goes on with ${ids[0]}`}.`,
    why: 'What is sent while a client is away, it never gets. The header is not read, or does not arrive.',
    fix,
  }
}
