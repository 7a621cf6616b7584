import type { Asked, Reply, Script, Step } from './script.ts'

// The servers of the lessons of /learn, one function each. Text is written as it stands, a number
// is a wait in milliseconds. The page shows what is written, and what was asked.

export const scripts: Readonly<Record<string, Script>> = {
  receive: () => stay('data: Message 1\n\n', 1200, 'data: Message 2\n\n', 1200, 'data: Message 3\n\n'),

  lines: () =>
    stay(
      'data: the first line\n',
      900,
      'data: the second line\n',
      900,
      '\n',
      1200,
      'data:no space\n\n',
      1000,
      'data:  two spaces\n\n',
      1000,
      ': a comment, for people who read along\n\n',
      1000,
      'data\n\n',
      1000,
      'data Bob\n\n',
    ),

  types: () =>
    stay(
      'event: join\ndata: Bob\n\n',
      1200,
      'data: Hello\n\n',
      1200,
      'event: leave\ndata: Bob\n\n',
      1200,
      'event: error\ndata: Nothing is wrong\n\n',
    ),

  // Three events for each connection, nine in all.
  ids({ lastEventId }) {
    const next = /^[1-9]$/.test(lastEventId) ? Number(lastEventId) + 1 : 1
    if (next > 7) return stay(`data: Nothing was missed, nothing came twice\nid: 10\n\n`)
    const event = (id: number) => `data: Message ${id}\nid: ${id}\n\n`
    return breakOff('retry: 1000\n', event(next), 700, event(next + 1), 700, event(next + 2), 700)
  },

  retry({ attempt }) {
    if (attempt === 1) return finish('retry: 600\ndata: Come back in 0.6 s\n\n', 700)
    if (attempt === 2) return finish('retry: 3000\ndata: Come back in 3 s\n\n', 700)
    if (attempt === 3) return finish('retry: soon\ndata: Not digits: 3 s still hold\n\n', 700)
    return stay('data: Enough\n\n')
  },

  away({ attempt, elapsedMs }) {
    if (attempt === 1) return breakOff('retry: 1000\n', 'data: I am here\nid: 1\n\n', 1200)
    if (elapsedMs < 5000) return away
    return stay('data: I am back\nid: 2\n\n')
  },

  stop({ attempt, choice }) {
    if (choice === 'close') return stay('data: 1\n\n', 800, 'data: 2\n\n', 800, 'data: 3\n\n', 800, 'data: 4\n\n')
    if (attempt < 3) return finish('retry: 1000\n', `data: Connection ${attempt}\n\n`, 700)
    return reply(204)
  },

  answers({ choice, query }) {
    if (choice === 'type')
      return { ...finish('data: nobody reads this\n\n'), headers: { 'content-type': 'text/plain' } }
    if (choice === '301' || choice === '307') return reply(Number(choice), { location: `moved${query}` })
    return reply(500)
  },

  // Where `answers` redirects to.
  moved({ attempt }) {
    if (attempt <= 2) return breakOff('retry: 1000\n', 'data: From the new address\nid: 1\n\n', 1200)
    return stay('data: Asked at the new address at once\nid: 2\n\n')
  },

  states({ attempt }) {
    const slow = { delayMs: 1500 }
    if (attempt === 1) return { ...breakOff('retry: 1500\n', 'data: Open\n\n', 1800), ...slow }
    return { ...stay('data: Open again\n\n', 3000, 'data: Close me\n\n'), ...slow }
  },

  cors(asked) {
    const { attempt, hasCookie, choice } = asked
    const seen = `data: The server saw ${hasCookie ? 'the cookie' : 'no cookie'}\n`
    if (choice === 'none') return stay(seen, '\n')
    const first = attempt === 1
    return {
      ...(first ? breakOff('retry: 1000\n', seen, 'id: 1\n\n', 1200) : stay(seen, 'id: 2\n\n')),
      headers: corsHeaders(asked),
    }
  },

  // For the table that compares with WebSocket.
  text: (asked) => ({ ...stay('data: Text, 한국어 👋\n\n', 300, invalidBytes), headers: corsHeaders(asked) }),
  cut({ attempt, lastEventId }) {
    if (attempt === 1) return breakOff('retry: 300\n', 'data: 1\nid: 41\n\n', 300)
    return stay(`data: ${lastEventId}\nid: 42\n\n`)
  },
  hold: (asked) => ({ ...stay(': open\n\n'), headers: corsHeaders(asked) }),
}

const eventStream = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }

/** What a server answers to pages of other origins, by the lesson's variant. */
function corsHeaders({ choice, origin }: Asked): Record<string, string> {
  if (choice === 'credentials' || choice === 'unasked')
    return {
      ...eventStream,
      'access-control-allow-origin': origin ?? '*',
      'access-control-allow-credentials': 'true',
      vary: 'Origin',
    }
  return { ...eventStream, 'access-control-allow-origin': '*' }
}

/** "data: ", a byte that UTF-8 does not have, and the end of the block. */
const invalidBytes = Uint8Array.of(0x64, 0x61, 0x74, 0x61, 0x3a, 0x20, 0xff, 0x0a, 0x0a)

const stay = (...steps: Step[]): Reply => ({ status: 200, headers: eventStream, steps, end: 'stay' })
const finish = (...steps: Step[]): Reply => ({ status: 200, headers: eventStream, steps, end: 'finish' })
const breakOff = (...steps: Step[]): Reply => ({ status: 200, headers: eventStream, steps, end: 'break' })
const away: Reply = { status: 0, headers: {}, steps: [], end: 'away' }
const reply = (status: number, headers: Record<string, string> = {}): Reply => ({
  status,
  headers: { 'cache-control': 'no-store', ...headers },
  steps: [],
  end: 'finish',
})
