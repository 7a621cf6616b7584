import type { ConformanceCase } from './harness/conformance-case.ts'
import { ending, refusal, stream } from './harness/responses.ts'
import type { Trial } from './harness/trial.ts'

const CONNECTING = 0
const CLOSED = 2

/** The main job: a server that goes away and comes back. It is a process, killed with SIGKILL. */
export const restartCases: ConformanceCase[] = [
  {
    name: 'reports a refused connection as an error and stays CONNECTING',
    line: '10',
    alone: true,
    async run(t) {
      const source = await watchRefused(t, 'same')
      t.equal((await source.next('error')).readyState, CONNECTING, 'readyState in the error event')
    },
  },
  {
    name: 'reports a refused connection to another origin as an error and stays CONNECTING',
    line: '10',
    alone: true,
    async run(t) {
      const source = await watchRefused(t, 'cross')
      t.equal((await source.next('error')).readyState, CONNECTING, 'readyState in the error event')
    },
  },
  {
    name: 'keeps trying while the server is away, and resumes with the last event ID when it is back',
    line: '10',
    alone: true,
    run: (t) => resumeAfterRestarts(t, 'same'),
  },
  {
    name: 'keeps trying while a server of another origin is away, and resumes with the last event ID when it is back',
    line: '10',
    alone: true,
    run: (t) => resumeAfterRestarts(t, 'cross'),
  },
  {
    name: 'stops for good when the server that comes back answers 503, as a proxy does',
    line: '10',
    alone: true,
    async run(t) {
      const served = await t.serve(ending('retry: 1\nid: 1\ndata: 1\n\n'), refusal(503))
      await startServer(t, 'same')
      const source = t.watch(served.url)
      await source.nextAfterOthers('message')
      t.equal((await source.next('error')).readyState, CONNECTING, 'readyState in the first error event')
      t.equal((await source.next('error')).readyState, CLOSED, 'readyState in the second error event')
    },
  },
]

async function watchRefused(t: Trial, origin: 'same' | 'cross') {
  const served = await t.serve(stream())
  await startServer(t, origin)
  await t.killServer(origin)
  return t.watch(origin === 'same' ? served.url : served.crossUrl)
}

async function resumeAfterRestarts(t: Trial, origin: 'same' | 'cross'): Promise<void> {
  const served = await t.serve(
    stream('retry: 1\ndata: 1\nid: one\n\n', 'data: 2\nid: two\n\n'),
    stream('data: 3\nid: three\n\n'),
    stream('data: 4\n\n'),
  )
  await startServer(t, origin)
  const source = t.watch(origin === 'same' ? served.url : served.crossUrl)
  await source.next('open')
  await source.next('message')
  await source.next('message')

  await t.killServer(origin)
  // The first error is the broken connection's; the next ones are refused attempts.
  for (let refused = 0; refused < 3; refused++) {
    t.equal((await source.next('error')).readyState, CONNECTING, 'readyState while the server is away')
  }
  await t.startServer(origin)
  await source.nextAfterOthers('open')
  const resumed = await source.next('message')
  t.deepEqual([resumed.data, resumed.lastEventId], ['3', 'three'], 'data and lastEventId after the restart')

  await t.killServer(origin)
  await source.next('error')
  await t.startServer(origin)
  await source.nextAfterOthers('open')
  t.equal((await source.next('message')).data, '4', 'data after the second restart')
  const ids = (await served.requested(3)).map(({ headers }) => headers['last-event-id'])
  t.deepEqual(ids, [undefined, 'two', 'three'], 'Last-Event-ID of each connection')
}

/** Whatever becomes of the case, the next one finds its server gone or started by itself, never left over. */
async function startServer(t: Trial, origin: 'same' | 'cross'): Promise<void> {
  t.atEnd(() => t.killServer(origin))
  await t.startServer(origin)
}
