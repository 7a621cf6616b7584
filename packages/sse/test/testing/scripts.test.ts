import { afterEach, describe, expect, it } from 'vitest'
import { EventSource, events } from '../../src/client/index.ts'
import {
  createTestServer,
  cut,
  end,
  forgetId,
  gap,
  half,
  noResponse,
  redirect,
  replay,
  type Script,
  type ScriptedFetch,
  type Step,
  scriptedFetch,
  stall,
  type TestServer,
  wait,
} from '../../src/testing/index.ts'

// What a script says is the same over a socket and without one.

interface Scripted extends Pick<TestServer, 'requests' | 'request' | 'connection' | 'close'> {
  readonly url: string
  /** For the option `fetch`. */
  readonly fetch: ScriptedFetch | undefined
}

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0)) await each.close()
})

const forms: [string, (script: Script) => Promise<Scripted>][] = [
  [
    'a server',
    async (script) => {
      const server = await createTestServer(script)
      return Object.assign(Object.create(server), { url: server.url, fetch: undefined })
    },
  ],
  [
    'a fetch',
    async (script) => {
      const fetch = scriptedFetch(script)
      return {
        get requests() {
          return fetch.requests
        },
        request: fetch.request,
        connection: fetch.connection,
        close: async () => fetch.close(),
        url: 'http://scripted.test/',
        fetch,
      }
    },
  ],
]

/** What an EventSource sees of a script, one line for each event; the reconnection time is 1 ms at first. */
function watch({ url, fetch }: Scripted) {
  const lines: string[] = []
  const waiting: { count: number; resolve: (lines: string[]) => void }[] = []
  const log = (line: string) => {
    lines.push(line)
    for (const { count, resolve } of waiting) if (lines.length >= count) resolve(lines.slice(0, count))
  }
  const source = new EventSource(url, { fetch, retry: { reconnectionTimeMs: 1, backoffMs: 0 } })
  open.push(source)
  source.onopen = () => log('open')
  source.onerror = ({ code, status, willRetry }) =>
    log(`error ${code} ${status ?? '-'} ${willRetry ? 'retries' : 'ends'}`)
  for (const type of ['message', 'tick', 'headwater-gap'])
    source.addEventListener(type, (event) => {
      const { data, lastEventId } = event as MessageEvent<string>
      log(`${type} ${data} #${lastEventId}`)
    })
  return {
    source,
    first: (count: number) =>
      new Promise<string[]>((resolve) => {
        waiting.push({ count, resolve })
        if (lines.length >= count) resolve(lines.slice(0, count))
      }),
  }
}

describe.each(forms)('%s with a script', (_, start) => {
  const run = async (script: Script) => {
    const scripted = await start(script)
    open.push(scripted)
    return scripted
  }

  it('sends events, and JSON for data that is not a string, and stays open', async () => {
    const scripted = await run([[{ type: 'tick', data: { at: 1 }, id: '1' }, { data: 'two\nlines' }]])
    expect(await watch(scripted).first(3)).toEqual(['open', 'tick {"at":1} #1', 'message two\nlines #1'])
    expect((await scripted.connection(1)).isOpen).toBe(true)
  })

  it('records each request, with its last event ID', async () => {
    const scripted = await run([[{ data: 'a', id: 'ä1' }, cut()], []])
    watch(scripted)
    expect(await scripted.request(1)).toMatchObject({ number: 1, method: 'GET', url: scripted.url, lastEventId: '' })
    expect(await scripted.request(2)).toMatchObject({ number: 2, lastEventId: 'ä1' })
    expect(scripted.requests.map(({ headers }) => headers.accept)).toEqual(['text/event-stream', 'text/event-stream'])
  })

  it('records the method and the body', async () => {
    const scripted = await run([[{ data: 'a' }, end()]])
    const { url, fetch } = scripted
    for await (const _ of events(url, { fetch, body: '{"question":1}', retry: false }));
    expect(scripted.requests).toMatchObject([{ method: 'POST', body: '{"question":1}' }])
  })

  it('cuts the connection after everything before it has arrived', async () => {
    const many = Array.from({ length: 50 }, (_, index) => ({ data: `${index}` }))
    const scripted = await run([[...many, cut()], []])
    const lines = await watch(scripted).first(52)
    expect(lines.slice(-2)).toEqual(['message 49 #', 'error NETWORK_ERROR - retries'])
  })

  it('cuts within an event, which is not dispatched, and whose ID the client has not', async () => {
    const scripted = await run([[{ data: 'a', id: '1' }, half({ data: 'lost', id: '2' }), cut()], [{ data: 'b' }]])
    expect(await watch(scripted).first(5)).toEqual([
      'open',
      'message a #1',
      'error NETWORK_ERROR - retries',
      'open',
      'message b #1',
    ])
    expect(scripted.requests[1]?.lastEventId).toBe('1')
  })

  it('sends half an event, and the rest when the test says so', async () => {
    const scripted = await run([[half({ data: 'whole' }, 7)]])
    const watched = watch(scripted)
    const connection = await scripted.connection(1)
    expect(await watched.first(1)).toEqual(['open'])
    await connection.send('hole\n\n')
    expect(await watched.first(2)).toEqual(['open', 'message whole #'])
  })

  it('sends text and bytes as they are, also half a character', async () => {
    const euro = new TextEncoder().encode('data: €\n\n')
    const scripted = await run([['id: 7\n', euro.subarray(0, 7)]])
    const watched = watch(scripted)
    const connection = await scripted.connection(1)
    await connection.send(euro.subarray(7))
    expect(await watched.first(2)).toEqual(['open', 'message € #7'])
  })

  it('finishes the response', async () => {
    const scripted = await run([[{ data: 'a' }, end()], []])
    expect(await watch(scripted).first(3)).toEqual(['open', 'message a #', 'error STREAM_ENDED - retries'])
  })

  it('answers 502, 204, 401, the wrong content type and no response at all', async () => {
    const refusals: [Script, string][] = [
      [[{ status: 502 }, []], 'error UNEXPECTED_RESPONSE 502 retries'],
      [[{ status: 204 }], 'error STREAM_COMPLETE 204 ends'],
      [[{ status: 401, body: 'who?' }], 'error UNEXPECTED_RESPONSE 401 ends'],
      [[{ headers: { 'Content-Type': 'text/html' }, body: 'hi' }], 'error UNEXPECTED_RESPONSE 200 ends'],
      [[noResponse(), []], 'error NETWORK_ERROR - retries'],
    ]
    for (const [script, line] of refusals) expect(await watch(await run(script)).first(1)).toEqual([line])
  })

  it('redirects', async () => {
    const scripted = await run([redirect('/elsewhere?a=1'), [{ data: 'here' }]])
    expect(await watch(scripted).first(2)).toEqual(['open', 'message here #'])
    expect(scripted.requests[1]?.url).toBe(new URL('/elsewhere?a=1', scripted.url).href)
  })

  it('makes the client forget its ID', async () => {
    const scripted = await run([[{ data: 'a', id: '1' }, forgetId(), cut()], []])
    watch(scripted)
    expect((await scripted.request(2)).lastEventId).toBe('')
  })

  it('sends a gap for an ID that is lost, and none to a new client', async () => {
    const lost: Step[] = [gap({ earliest: '8' }), { data: 'b', id: '8' }]
    const scripted = await run([[...lost, cut()], lost])
    const lines = await watch(scripted).first(6)
    expect(lines.slice(1, 2)).toEqual(['message b #8'])
    expect(lines.slice(4)).toEqual([
      'headwater-gap {"reason":"trimmed","requested":"8","earliest":"8"} #8',
      'message b #8',
    ])
  })

  it('replays a history after the ID, and says so if it is unknown', async () => {
    const history = ['1', '2', '3'].map((id) => ({ data: `d${id}`, id }))
    const scripted = await run([
      [...history.slice(0, 2), cut()],
      [replay(history), { data: 'x', id: 'other' }, cut()],
      [replay(history)],
    ])
    const lines = (await watch(scripted).first(13)).filter((line) => !/^(open|error)/.test(line))
    expect(lines).toEqual(
      [
        'message d1 #1',
        'message d2 #2',
        'message d3 #3',
        'message x #other',
        'headwater-gap {"reason":"unknown","requested":"other","earliest":"1"} #other',
        'message d1 #1',
        'message d2 #2',
        'message d3 #3',
      ].slice(0, lines.length),
    )
    expect(lines).toHaveLength(8)
  })

  it('answers each request as a function says', async () => {
    const scripted = await run(({ number, lastEventId }) =>
      number < 4 ? [{ data: `after ${lastEventId || 'nothing'}`, id: `${number}` }, cut()] : { status: 204 },
    )
    expect((await watch(scripted).first(10)).filter((line) => line.startsWith('message'))).toEqual([
      'message after nothing #1',
      'message after 1 #2',
      'message after 2 #3',
    ])
  })

  it('refuses a request that the script does not have, for good, and says which', async () => {
    const scripted = await run([[end()]])
    const { source } = watch(scripted)
    const body = await new Promise((resolve) => {
      source.addEventListener('error', (event) => event.willRetry || resolve(event.body))
    })
    expect(body).toBe(`The script has 1 answer; this is request 2: GET ${scripted.url}`)
  })

  it('says so where a function of it throws, or answers wrongly', async () => {
    const wrong = [
      () => {
        throw new Error('no idea')
      },
      () => 502 as never,
    ]
    const bodies = wrong.map(async (answer) => {
      const { source } = watch(await run([answer]))
      return new Promise((resolve) => source.addEventListener('error', ({ body }) => resolve(body)))
    })
    expect(await Promise.all(bodies)).toEqual([
      'The script failed at request 1: Error: no idea',
      'The script failed at request 1: SseError: Answer 1 of the script is 502: it must be a list of steps or a response.',
    ])
  })

  it('knows when the client has left', async () => {
    const scripted = await run([[{ data: 'a' }, stall()]])
    const { source, first } = watch(scripted)
    await first(2)
    const connection = await scripted.connection(1)
    source.close()
    await connection.closed
    expect(connection.isOpen).toBe(false)
    expect(() => connection.send({ data: 'b' })).toThrow('The connection of request 1 is over.')
  })

  it('waits before it answers and between steps, no longer than the client stays', async () => {
    const scripted = await run([{ delayMs: 1, steps: [{ data: 'a' }, wait(1), { data: 'b' }, wait(86_400_000)] }])
    const { source, first } = watch(scripted)
    expect(await first(3)).toEqual(['open', 'message a #', 'message b #'])
    source.close()
    await (await scripted.connection(1)).closed
  })

  it('closed, lets nobody wait for a request in vain', async () => {
    const scripted = await run([[]])
    const waiting = scripted.request(2)
    waiting.catch(() => {})
    await scripted.close()
    await expect(waiting).rejects.toThrow(
      'Request 2 cannot come any more: the script was closed after 0 requests came.',
    )
    await expect(Promise.resolve().then(() => scripted.request(3))).rejects.toMatchObject({ code: 'WAIT_ENDED' })
    expect(() => scriptedFetch([]).request(0)).toThrow('There is no request 0: the first is 1.')
  })
})

describe('a wrong script', () => {
  const wrong: [string, unknown, string][] = [
    [
      'no list',
      { data: 'a' },
      'The script is an object: it must be a list of answers, one for each request, or a function.',
    ],
    [
      'an event as an answer',
      [{ data: 'a' }],
      'Answer 1 of the script is an event. Put it into a list: [{ data: … }].',
    ],
    ['a step as an answer', [[], stall()], 'Answer 2 of the script is a step. Put it into a list: [ … ].'],
    ['a number as an answer', [502], 'Answer 1 of the script is 502: it must be a list of steps or a response.'],
    ['an unknown name', [{ state: 502 }], 'There is no "state" in Answer 1 of the script. Did you mean status?'],
    [
      'a status that no response has',
      [{ status: 99 }],
      'Answer 1 of the script has the status 99: a number from 200 to 599.',
    ],
    [
      'a body without a place',
      [{ status: 204, body: 'a' }],
      'Answer 1 of the script has the status 204, which has no body.',
    ],
    [
      'a time below 0',
      [{ delayMs: -1 }],
      'delayMs of answer 1 of the script is -1, not a number of milliseconds from 0 up.',
    ],
    [
      'a step that was not called',
      [[{ data: 'a' }, cut]],
      'Answer 1 of the script, step 2 is the function cut. Did you mean cut()?',
    ],
    [
      'a step after the last',
      [[cut(), { data: 'a' }]],
      'Answer 1 of the script, step 2 never runs: cut() stands before it.',
    ],
    [
      'an event without data',
      [[{ id: '1' }]],
      'Answer 1 of the script, step 1: data is undefined, which has no JSON form.',
    ],
    [
      'an event with a wrong ID',
      [[{ data: '', id: 'a\nb' }]],
      'Answer 1 of the script, step 1: Event id "a\\nb" contains a line break',
    ],
  ]
  it.each(wrong)('%s is refused with its place', async (_, script, message) => {
    expect(() => scriptedFetch(script as Script)).toThrow(message)
    await expect(createTestServer(script as Script)).rejects.toThrow(message)
  })

  it('of steps is refused as well', () => {
    expect(() => wait(-5)).toThrow('wait() is -5, not a number of milliseconds from 0 up.')
    expect(() => half({ data: 'a' }, 99)).toThrow('half() of 99 bytes: this event has 9 bytes.')
    expect(() => gap({ reasn: 'x' } as never)).toThrow('There is no "reasn" in gap()')
    expect(() => replay([{ data: 'a' }])).toThrow('replay() needs an id in each event')
  })

  it('of a server with an unknown option is refused', async () => {
    await expect(createTestServer([], { prot: 1 } as never)).rejects.toThrow('Did you mean port?')
  })
})

describe('a test server', () => {
  it('closes at the end of its block', async () => {
    let url: string
    {
      await using server = await createTestServer([[]])
      url = server.url
      expect((await fetch(url)).status).toBe(200)
    }
    await expect(fetch(url)).rejects.toThrow()
  })

  it('answers preflight requests, which are none of the script', async () => {
    await using server = await createTestServer([{ status: 204 }])
    const preflight = await fetch(server.url, {
      method: 'OPTIONS',
      headers: {
        origin: 'http://a.test',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'x-a',
      },
    })
    expect([preflight.status, preflight.headers.get('access-control-allow-headers')]).toEqual([204, 'x-a'])
    expect(server.requests).toEqual([])
  })
})

describe('a scripted fetch', () => {
  it('takes a Request, as handlers of msw have', async () => {
    const fetch = scriptedFetch([[{ data: 'a' }, end()]])
    const request = new Request('http://a.test/x', { method: 'POST', body: 'b', headers: { 'X-A': '1' } })
    expect(await (await fetch(request)).text()).toBe('data: a\n\n')
    expect(fetch.requests[0]).toMatchObject({
      method: 'POST',
      body: 'b',
      headers: { 'x-a': '1' },
      url: 'http://a.test/x',
    })
  })

  it('is aborted as the real one', async () => {
    const fetch = scriptedFetch([{ delayMs: Infinity }, [{ data: 'a' }]])
    const controller = new AbortController()
    const never = fetch('http://a.test/', { signal: controller.signal })
    await fetch.request(1)
    controller.abort(new Error('enough'))
    await expect(never).rejects.toThrow('enough')
    await expect(fetch('http://a.test/', { signal: controller.signal })).rejects.toThrow('enough')
    const other = new AbortController()
    const { body } = await fetch('http://a.test/', { signal: other.signal })
    other.abort(new Error('left'))
    await expect(body!.getReader().read()).rejects.toThrow('left')
    await (await fetch.connection(2)).closed
  })

  it('gives up after 20 redirects', async () => {
    const fetch = scriptedFetch(() => redirect('/again'))
    await expect(fetch('http://a.test/')).rejects.toThrow('fetch failed')
    expect(fetch.requests).toHaveLength(21)
  })
})

it('a server is sent any number of steps without a warning of a leak', async () => {
  const warnings: Error[] = []
  const hear = (warning: Error) => warnings.push(warning)
  process.on('warning', hear)
  const server = await createTestServer([[]])
  open.push(server)
  const received = fetch(server.url).then((response) => response.text())
  const connection = await server.connection(1)
  for (let n = 0; n < 30; n++) await connection.send({ data: `${n}` })
  await connection.send(end())
  expect((await received).split('\n\n')).toHaveLength(31)
  // Node emits a warning in a later turn.
  await new Promise((resolve) => setImmediate(resolve))
  process.off('warning', hear)
  expect(warnings).toEqual([])
})
