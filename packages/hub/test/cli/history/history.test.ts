import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { createHub } from '../../../src/index.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import type { EventRecord } from '../../../src/store/store.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { headwater, type RunningHub, serveHub, startHub } from '../running.ts'

/** Runs a command to its end. */
async function run(...parameters: string[]) {
  const { exitCode, stdout, stderr } = await runWith('', ...parameters)
  return { exitCode, stdout, stderr }
}

async function runWith(input: string, ...parameters: string[]) {
  const command = headwater(...parameters)
  command.child.stdin.end(input)
  const exitCode = await command.ended()
  return { exitCode, stdout: command.stdout, stderr: command.stderr }
}

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const plain = { isPrivate: false, id: undefined, type: undefined, retryMs: undefined }
const records: readonly EventRecord[] = [
  ...Array.from({ length: 600 }, (_, n) => ({ ...plain, topics: ['log'], data: `line ${n}` })),
  { ...plain, topics: ['orders/7', 'orders'], data: '{"left":3}', isPrivate: true, type: 'stock', retryMs: 500 },
  { ...plain, topics: ['b'], data: 'a\nb\0\x1b', id: 'my-own', traceContext: `${traceparent} shop=t61, other=1` },
  { ...plain, topics: ['large'], data: '漢'.repeat(20_000), traceContext: traceparent },
]

/** A directory with a history, of which the oldest events are trimmed. */
async function filledDirectory(trimmed = 0): Promise<string> {
  const directory = join(temporaryDirectory(), 'data')
  const store = await openSqliteStore({ directory })
  await store.appendAll!(records.map((event) => ({ event })))
  if (trimmed > 0) await store.trim(trimmed)
  await store.close()
  return directory
}

async function hubOn(directory: string): Promise<RunningHub> {
  return await startHub('--store', `file:${directory}`)
}

const fileIn = (name = 'export.jsonl') => join(temporaryDirectory(), name)
const linesOf = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

describe('headwater history list and show', () => {
  test('say the same of a hub and of its directory, while that is in use', async () => {
    const directory = await filledDirectory()
    const hub = await hubOn(directory)
    for (const where of [hub.url, directory]) {
      const newest = await run('history', 'list', where, '-n', '3')
      expect(newest.exitCode).toBe(0)
      const lines = newest.stdout.split('\n')
      expect(lines[0]).toMatch(/^601 \d{4}-\d\d-\d\d \d\d:\d\d:\d\d stock {3}orders\/7, orders \(private\) /)
      expect(lines[1]).toMatch(/message b a b\\x00\\x1b$/)
      expect(lines[2]).toHaveLength(lines[2]!.indexOf('漢') + 20_000)
      expect(newest.stderr).toContain('3 of the 603 events')
      const some = await run('history', 'list', where, '-t', 'log', '--since', '100', '-n', '2', '--json')
      expect(linesOf(some.stdout).map(({ position, data }) => [position, data])).toEqual([
        [100, 'line 99'],
        [101, 'line 100'],
      ])
      const typed = await run('history', 'list', where, '--type', 'stock', '--json')
      expect(linesOf(typed.stdout)).toMatchObject([{ position: 601, topics: ['orders/7', 'orders'], private: true }])
      const none = await run('history', 'list', where, '--since', '2099-01-01', '--json')
      expect([none.exitCode, none.stdout]).toEqual([0, ''])
      const all = await run('history', 'list', where, '--since', '1h', '--until', '3', '--json')
      expect(linesOf(all.stdout).map(({ position }) => position)).toEqual([1, 2])

      const own = await run('history', 'show', 'my-own', where)
      expect(own.stdout).toMatch(/^position {2}602$/m)
      expect(own.stdout).toContain('On the wire:\ndata: a\n')
      expect(own.stdout).toContain(`\ntrace     ${traceparent} shop=t61, other=1\n`)
      const { id } = linesOf(some.stdout)[0]
      expect((await run('history', 'show', id, where)).stdout).toMatch(/^position {2}100$/m)
      const other = await run(
        'history',
        'show',
        id.replace(/\w$/, (last: string) => (last === 'a' ? 'b' : 'a')),
        where,
      )
      expect([other.exitCode, other.stdout]).toEqual([1, ''])
      expect(other.stderr).toMatch(/^headwater: No event with the ID or position /)
    }
    const secret = await run('history', 'list', hub.url, '--type', 'stock')
    expect(secret.stdout).toContain('(private) 10 bytes, not for this token')
    expect((await run('history', 'list', directory, '--type', 'stock')).stdout).toContain('(private) {"left":3}')
  })

  test('of a directory leave out what is damaged, say so, and exit 1', async () => {
    const directory = await filledDirectory()
    damage(directory, 602)
    const listed = await run('history', 'list', directory, '-n', '2', '--json')
    expect([listed.exitCode, linesOf(listed.stdout).map(({ position }) => position)]).toEqual([1, [601, 603]])
    expect(listed.stderr).toContain('1 event is damaged in')
  })

  test('need the right to observe a hub that is not open, and say so', async () => {
    const hub = await guardedHub()
    const refused = await run('history', 'list', hub.url)
    expect(refused.exitCode).toBe(1)
    expect(refused.stderr).toContain('Reading the history needs the right to observe: 401')
    expect(refused.stderr).toContain('headwater token --observe')
  })

  test.each([
    ['ftp://user:hunter2@example.com'],
    ['http://user:hunter2@example.com'],
    ['postgres://user:hunter2@example.com/app'],
  ])('refuse %s without the password', async (where) => {
    const refused = await run('history', 'list', where)
    expect(refused.exitCode).toBe(2)
    expect(refused.stderr).not.toContain('hunter2')
  })
})

describe('headwater history export and import', () => {
  test('of all into an empty directory: the same events, IDs, positions and times, in the same order', async () => {
    const [directory, file] = [await filledDirectory(100), fileIn()]
    expect(await run('history', 'export', directory, '-o', file)).toMatchObject({ exitCode: 0 })
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const restored = join(temporaryDirectory(), 'restored')
    const imported = await run('history', 'import', file, restored)
    expect(imported.stderr).toContain('imported 503 events; 0 were there already.')
    const traces = linesOf(readFileSync(file, 'utf8')).filter((line) => line.traceparent)
    expect(traces).toMatchObject([
      { position: 602, traceparent, tracestate: 'shop=t61, other=1' },
      { position: 603, traceparent },
    ])
    const again = fileIn('again.jsonl')
    await run('history', 'export', restored, '-o', again)
    expect(readFileSync(again, 'utf8')).toBe(readFileSync(file, 'utf8'))
    // Once more changes nothing.
    expect((await run('history', 'import', file, restored)).stderr).toContain(
      'imported 0 events; 503 were there already.',
    )

    // Subscribers resume; one that missed what was trimmed is told so; new events come after.
    const { id } = linesOf(readFileSync(file, 'utf8')).find(({ position }) => position === 602) ?? {}
    const hub = await hubOn(restored)
    const resumed = headwater('tail', hub.url, '-t', 'large', '-t', 'new', '--since', id, '-n', '2')
    await resumed.said(/漢/)
    expect((await run('publish', '--hub', hub.url, '-t', 'new', 'new')).exitCode).toBe(0)
    expect(await resumed.ended()).toBe(0)
    expect(resumed.stderr).not.toContain('missed')
    const late = headwater(
      'tail',
      hub.url,
      '-t',
      'log',
      '--since',
      `${linesOf(readFileSync(file, 'utf8'))[0].epoch}.1.abc`,
      '-n',
      '1',
    )
    expect(await late.ended()).toBe(0)
    expect(late.stderr).toContain('events were missed: they are no longer in the history')
  })

  test('goes on where an import was cut off, and says what is missing', async () => {
    const [directory, file] = [await filledDirectory(), fileIn()]
    await run('history', 'export', directory, '-o', file)
    const text = readFileSync(file, 'utf8')
    const cut = fileIn('cut.jsonl')
    writeFileSync(cut, text.split('\n').slice(0, 301).join('\n'))
    const restored = join(temporaryDirectory(), 'restored')
    const first = await run('history', 'import', cut, restored)
    expect(first.exitCode).toBe(1)
    expect(first.stderr).toContain('The file has no end: it was cut off.')
    const second = await run('history', 'import', file, restored)
    expect(second).toMatchObject({ exitCode: 0 })
    expect(second.stderr).toContain('imported 303 events; 300 were there already.')
  })

  test('into a running hub: the IDs stay, and nothing is doubled', async () => {
    const [directory, file] = [await filledDirectory(), fileIn()]
    await run('history', 'export', directory, '-o', file)
    const hub = await startHub()
    await run('publish', '--hub', hub.url, '-t', 'log', 'before')
    for (const [imported, already] of [
      [603, 0],
      [0, 603],
    ]) {
      const { exitCode, stderr } = await run('history', 'import', file, hub.url)
      expect([exitCode, stderr]).toEqual([
        0,
        `headwater: imported ${imported} events; ${already} were there already.\n`,
      ])
    }
    const { stdout } = await run('history', 'export', hub.url, '--public-only')
    const exported = linesOf(stdout).slice(1, -1)
    const original = linesOf(readFileSync(file, 'utf8'))
      .slice(1, -1)
      .filter((event) => !event.private)
    expect(exported.slice(1).map(essence)).toEqual(original.map(essence))
  })

  test('leaves streams out where they cannot go on, and says so', async () => {
    const [directory, file] = [join(temporaryDirectory(), 'data'), fileIn()]
    const store = await openSqliteStore({ directory })
    const hub = await createHub({ store })
    const stream = hub.stream('answer')
    await stream.write('one')
    await stream.close()
    await hub.publish({ topic: 'log', id: 'another', data: 'hello' })
    await hub.close()
    await store.close()
    await run('history', 'export', directory, '-o', file)

    const [other, empty] = [await filledDirectory(), join(temporaryDirectory(), 'empty')]
    for (const target of [(await startHub()).url, other]) {
      const { exitCode, stderr } = await run('history', 'import', file, target)
      expect([exitCode, stderr]).toEqual([
        0,
        'headwater: imported 1 events; 0 were there already; 3 records of streams were left out: ' +
          'they go with a whole history, into an empty directory.\n',
      ])
    }
    const whole = await run('history', 'import', file, empty)
    expect([whole.exitCode, whole.stderr]).toEqual([0, expect.stringContaining('imported 4 events')])
  })

  test('of a part is no history of its own: an empty directory begins a new one', async () => {
    const [directory, file] = [await filledDirectory(), fileIn()]
    await run('history', 'export', directory, '-t', 'orders', '-t', 'b', '-o', file)
    const target = join(temporaryDirectory(), 'target')
    expect((await run('history', 'import', file, target)).stderr).toContain('imported 2 events')
    expect((await run('history', 'import', file, target)).stderr).toContain('imported 0 events; 2 were there already')
    const [from, to] = [linesOf(readFileSync(file, 'utf8')), linesOf((await run('history', 'export', target)).stdout)]
    expect(to[0].epoch).not.toBe(from[0].epoch)
    expect(to.slice(1, -1).map(essence)).toEqual(from.slice(1, -1).map(essence))
  })

  test('does not bring back what a history has trimmed itself, and says so', async () => {
    const [directory, file] = [await filledDirectory(), fileIn()]
    await run('history', 'export', directory, '-o', file)
    await run('history', 'trim', directory, '--keep', '3', '--yes')
    const { stderr } = await run('history', 'import', file, directory)
    expect(stderr).toContain(
      'imported 0 events; 3 were there already; 600 are of this history, which has them or has dropped them',
    )
  })

  test('refuses a directory that went another way', async () => {
    const [directory, file] = [await filledDirectory(), fileIn()]
    await run('history', 'export', directory, '-o', file)
    const lines = readFileSync(file, 'utf8').split('\n')
    const other = fileIn('other.jsonl')
    writeFileSync(other, [lines[0], lines[1]!.replace(/"tag":\d+/, '"tag":7'), lines[2], lines.at(-2)].join('\n'))
    const { exitCode, stderr } = await run('history', 'import', other, directory)
    expect([exitCode, stderr]).toEqual([
      1,
      expect.stringContaining('Line 2 of the file has another event at position 1'),
    ])
  })

  test('as an event stream, exactly as a subscriber gets it', async () => {
    const directory = await filledDirectory()
    const { stdout } = await run('history', 'export', directory, '--format', 'stream', '--since', '602')
    expect(stdout.startsWith('data: a\ndata: b\0\x1b\nid: my-own\n\n')).toBe(true)
    expect(stdout).toMatch(/\n\ndata: 漢+\nid: \S+\n\n$/)
  })

  test('refuses to leave out silently: private events, and damaged ones', async () => {
    const directory = await filledDirectory()
    const hub = await hubOn(directory)
    const secret = await run('history', 'export', hub.url, '--since', '601')
    expect(secret.exitCode).toBe(1)
    expect(secret.stderr).toContain('The event at position 601 is private')
    hub.child.kill('SIGTERM')
    await hub.ended()
    damage(directory, 602)
    expect(await run('history', 'export', directory)).toMatchObject({ exitCode: 1 })
    const rest = await run('history', 'export', directory, '--skip-damaged', '--since', '601')
    expect(linesOf(rest.stdout).map(({ position, isPart }) => position ?? isPart)).toEqual([true, 601, 603, undefined])
  })

  test.each([
    ['nothing', '', 'there is none'],
    ['something else', '{"topic":"a"}\n', 'it does not say that this is an export'],
    ['no JSON', '<html>\n', 'it does not say that this is an export'],
    [
      'a broken event',
      '{"headwater":"history","version":1,"epoch":"abcdefghij","after":{"position":0,"tag":0},"isPart":true}\n{"id":1}\n',
      'Line 2 of the file cannot be imported: it is not an event',
    ],
    [
      'a broken trace context',
      '{"headwater":"history","version":1,"epoch":"abcdefghij","after":{"position":0,"tag":0},"isPart":true}\n{"position":1,"tag":7,"id":"a","topics":["a"],"data":"","traceparent":"00-1"}\n',
      'Line 2 of the file cannot be imported: it is not an event',
    ],
  ])('refuses a file with %s', async (_, text, why) => {
    const target = join(temporaryDirectory(), 'target')
    const { exitCode, stderr } = await runWith(text, 'history', 'import', '-', target)
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining(why)])
    expect(stderr.trim().split('\n').length).toBeLessThanOrEqual(2)
  })

  test('overwrites no file', async () => {
    const directory = await filledDirectory()
    const file = fileIn()
    writeFileSync(file, 'mine')
    const { exitCode, stderr } = await run('history', 'export', directory, '-o', file)
    expect([exitCode, readFileSync(file, 'utf8')]).toEqual([2, 'mine'])
    expect(stderr).toContain('it exists. Name another file.')
  })

  test('needs the right to publish, and says so', async () => {
    const [directory, file] = [await filledDirectory(), fileIn()]
    await run('history', 'export', directory, '-o', file)
    const hub = await guardedHub()
    const { exitCode, stderr } = await run('history', 'import', file, hub.url)
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('The hub refused an event: 401')])
  })
})

/** What an event of an export has wherever it is imported. */
function essence({ id, topics, type, retry, data, traceparent, tracestate }: Record<string, unknown>) {
  return { id, topics, type, retry, data, traceparent, tracestate }
}

describe('headwater history trim', () => {
  test.each(['hub', 'directory'])('of a %s drops the oldest, and subscribers are told', async (kind) => {
    const directory = await filledDirectory()
    const hub = kind === 'hub' ? await hubOn(directory) : undefined
    const where = hub?.url ?? directory
    const kept = await run('history', 'trim', where, '--keep', '10', '--yes')
    expect([kept.exitCode, kept.stderr]).toEqual([0, expect.stringContaining('dropped 593 of the 603 events of')])
    const before = await run('history', 'trim', where, '--before', 'my-own', '--yes')
    expect(before.stderr).toContain('dropped 8 of the 10 events of')
    expect((await run('history', 'trim', where, '--before', '1h', '--yes')).stderr).toContain('nothing to drop')
    const left = await run('history', 'list', where, '--json')
    expect(linesOf(left.stdout).map(({ position }) => position)).toEqual([602, 603])
    if (hub) await hub.said(/\(?history-trimmed|trimmed up to position 593, for 127\.0\.0\.1/, 'stderr')
  })

  test('asks nobody who is not there, and drops nothing then', async () => {
    const directory = await filledDirectory()
    const { exitCode, stderr } = await run('history', 'trim', directory, '--keep', '1')
    expect([exitCode, stderr]).toEqual([2, 'headwater: Nobody is there to be asked: add --yes.\n'])
    expect((await run('history', 'list', directory)).stderr).toContain('of the 603 events')
  })

  test('needs a right of its own, and says so', async () => {
    const hub = await guardedHub()
    const token = async (...grants: string[]) => (await run('token', ...tokenFlags, ...grants)).stdout.trim()
    const observer = await token('--observe', '--publish', '*')
    await run('publish', '--hub', hub.url, '--token', observer, '-t', 'log', 'x')
    const refused = await run('history', 'trim', hub.url, '--keep', '0', '--yes', '--token', observer)
    expect([refused.exitCode, refused.stderr]).toEqual([
      1,
      expect.stringContaining('Trimming needs the right to trim: 403'),
    ])
    const both = await token('--observe', '--trim')
    expect(await run('history', 'trim', hub.url, '--keep', '0', '--yes', '--token', both)).toMatchObject({
      exitCode: 0,
    })
  })

  test('of a directory in use says so, and drops nothing', async () => {
    const directory = await filledDirectory()
    await hubOn(directory)
    const { exitCode, stderr } = await run('history', 'trim', directory, '--keep', '1', '--yes')
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('is in use by process')])
  })

  test.each([
    [[], 'Say what to drop'],
    [['--keep', '1', '--before', '1h'], 'Say what to drop'],
    [['--keep', '-1'], '--keep -1 is not a number'],
    [['--before', 'no-such-id'], 'no event with that ID is kept'],
  ])('refuses %j', async (flags, why) => {
    const { exitCode, stderr } = await run('history', 'trim', await filledDirectory(), ...flags, '--yes')
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining(why)])
  })

  test('does not touch the copy of another history', async () => {
    const copy = join(temporaryDirectory(), 'copy-abcdefghij')
    const { exitCode, stderr } = await run('history', 'trim', copy, '--keep', '1', '--yes')
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('is the copy of a history')])
    expect(existsSync(copy)).toBe(false)
  })
})

const secret = 'x'.repeat(32)
const rules = [
  '--key-alg',
  'HS256',
  '--issuer',
  'https://a.example',
  '--audience',
  'https://a.example/.well-known/mercure',
]
const tokenFlags = ['--key', secret, ...rules]

function guardedHub(): Promise<RunningHub> {
  return serveHub('--publisher-key', secret, '--subscriber-key', secret, ...rules, '--anonymous')
}

/** Changes an event as a failing disk would. */
function damage(directory: string, position: number): void {
  const database = new DatabaseSync(join(directory, 'headwater.db'))
  database.prepare("UPDATE event SET data = 'damaged' WHERE position = ?").run(position)
  database.close()
}
