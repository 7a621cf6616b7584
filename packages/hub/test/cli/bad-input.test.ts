import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../../../conformance/runners/free-port.ts'
import { HubError } from '../../src/base/errors.ts'
import { exitCodeOf } from '../../src/cli/exit-code.ts'
import { createProgram, pathOf } from '../../src/cli/program.ts'
import { makeCertificate, whyNoCertificates } from '../certificates.ts'
import { OnTerminal, whyNoTerminal } from './pseudo-terminal.ts'
import { headwater, startHub } from './running.ts'

/** Every command that takes the URL of a server, with that URL. */
const commands: readonly (readonly [name: string, parameters: (url: string) => string[]])[] = [
  ['tail', (url) => ['tail', url]],
  ['tail --hub', (url) => ['tail', '--hub', url]],
  ['publish', (url) => ['publish', '--hub', url, '-t', 'log', 'x']],
  ['publish of lines', (url) => ['publish', '--hub', url, '-t', 'log']],
  ['top', (url) => ['top', url]],
  ['bench', (url) => ['bench', url, '--seconds', '1', '--rate', '1', '--subscribers', '1']],
  ['history list', (url) => ['history', 'list', url]],
  ['history show', (url) => ['history', 'show', '1', url]],
  ['history export', (url) => ['history', 'export', url]],
  ['history import', (url) => ['history', 'import', exported, url]],
  ['history trim', (url) => ['history', 'trim', url, '--keep', '1', '--yes']],
  ['vitals', (url) => ['vitals', '--hub', url]],
]

let exported: string
beforeAll(() => {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-bad-input-'))
  exported = join(directory, 'export.jsonl')
  const header = { headwater: 'history', version: 1, epoch: 'abcdefghij', after: { position: 0, tag: 0 }, isPart: true }
  const event = { position: 1, tag: 7, id: 'mine', topics: ['log'], data: 'x' }
  writeFileSync(
    exported,
    [header, event, { headwater: 'end', events: 1 }].map((line) => `${JSON.stringify(line)}\n`).join(''),
  )
})

afterAll(() => rmSync(dirname(exported), { recursive: true, force: true }))

/** Runs to the end: the exit code, and what was said, which is a clear line in any case. */
async function refusal(parameters: readonly string[]) {
  const run = headwater(...parameters)
  run.child.stdin.end('line\n')
  const exitCode = await run.ended()
  const lines = run.stderr.trimEnd().split('\n')
  expect(run.stderr).not.toMatch(/^ +at /m)
  expect(run.stderr).not.toMatch(/hunter2|s3cret-token/)
  expect(run.stdout).not.toMatch(/hunter2|s3cret-token/)
  expect(lines.at(-1)).toMatch(/^headwater: \S/)
  expect(lines.length).toBeLessThanOrEqual(2)
  return { exitCode, last: lines.at(-1)! }
}

async function listening(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

describe.each(commands)('headwater %s', (_, parameters) => {
  test('refuses a URL with a password, with exit code 2', async () => {
    const { exitCode } = await refusal(parameters('http://user:hunter2@example.com'))
    expect(exitCode).toBe(2)
  })

  test.each(['nonsense://x', 'ftp://user:hunter2@example.com', 'http://[', 'http://user:hunter2@'])(
    'refuses %s as a URL',
    async (url) => {
      // Without a process for each: it is refused before anything else is done.
      const failure = await createProgram()
        .parseAsync(parameters(url), { from: 'user' })
        .then(
          () => expect.unreachable(),
          (error: HubError) => error,
        )
      expect(failure).toBeInstanceOf(HubError)
      expect(exitCodeOf(failure)).toBe(2)
      expect(failure.message).toMatch(/^\S[^\n]*$/)
      expect(failure.message).not.toContain('hunter2')
    },
  )

  test('says that a server speaks no HTTP', async () => {
    const port = await listening(
      createServer((socket) => {
        socket.on('error', () => {})
        socket.end('SSH-2.0-OpenSSH_9.2\r\n')
      }),
    )
    const { exitCode, last } = await refusal([...parameters(`http://127.0.0.1:${port}`), ...secret(parameters)])
    expect([exitCode, last]).toEqual([1, expect.stringContaining('does not speak HTTP')])
  })

  test.skipIf(whyNoCertificates())('says that a certificate is wrong', async () => {
    const port = await listening(createTlsServer(makeCertificate()))
    const { exitCode, last } = await refusal([...parameters(`https://127.0.0.1:${port}`), ...secret(parameters)])
    expect([exitCode, last]).toEqual([1, expect.stringContaining("the server's certificate is signed by itself")])
  })
})

function secret(parameters: (url: string) => string[]): string[] {
  return parameters('').includes('import') ? [] : ['--token', 's3cret-token']
}

// The others wait until somebody does.
describe.each(commands.filter(([name]) => !/^tail|lines|vitals|import/.test(name)))('headwater %s', (_, parameters) => {
  test('says that nobody listens', async () => {
    const { exitCode, last } = await refusal(parameters(`http://127.0.0.1:${await freePort()}`))
    expect([exitCode, last]).toEqual([1, expect.stringContaining('ECONNREFUSED')])
  })
})

const leaves = createProgram().commands.flatMap((each) => (each.commands.length > 0 ? each.commands : [each]))

describe.each(leaves.map((command) => [pathOf(command).replace('headwater ', '')] as const))('headwater %s', (path) => {
  test('refuses an unknown option, and says where there is help', async () => {
    const run = headwater(...path.split(' '), '--no-such-option')
    expect(await run.ended()).toBe(2)
    expect(run.stderr).toMatch(/unknown option|missing required argument|required option/)
    expect(run.stderr).toContain(`(headwater ${path} --help for more)`)
    expect(run.stderr).not.toMatch(/^ +at /m)
  })
})

describe('a pipe that closes', () => {
  test.each([
    ['history export', (url: string) => ['history', 'export', url]],
    ['history list', (url: string) => ['history', 'list', url, '-n', '5000']],
    ['top', (url: string) => ['top', url]],
    ['tail', (url: string) => ['tail', url, '--since', 'earliest']],
  ] as const)('ends %s quietly', async (_, parameters) => {
    const hub = await startHub()
    const publish = headwater('publish', '--hub', hub.url, '-t', 'log')
    publish.child.stdin.end(`${'x'.repeat(1000)}\n`.repeat(3000))
    expect(await publish.ended()).toBe(0)
    const run = headwater(...parameters(hub.url))
    run.child.stdout.destroy()
    expect(await run.ended()).toBe(0)
    expect(run.stderr).not.toMatch(/EPIPE|^ +at /m)
  })
})

describe.skipIf(whyNoTerminal())('a terminal of 40 columns', () => {
  test('has help that fits', async () => {
    const help = OnTerminal.headwater(['history', 'trim', '--help'], { columns: 40 })
    expect(await help.ended()).toBe(0)
    const description = help.output.split('Arguments:')[0]!.replace(/^Usage:.*/, '')
    for (const line of description.split('\r\n')) expect(line.length).toBeLessThanOrEqual(40)
  })

  test('has two lines for an event', async () => {
    const hub = await startHub()
    await headwater('publish', '--hub', hub.url, '-t', 'log', '--type', 'stock', 'hello').ended()
    const tail = OnTerminal.headwater(['tail', hub.url, '--since', 'earliest', '-n', '1'], { columns: 40 })
    expect(await tail.ended()).toBe(0)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours.
    const plain = tail.output.replaceAll(/\x1b\[[\d;]*m/g, '')
    expect(plain).toMatch(/^earlier {2}stock \S+\r\n {2}hello\r$/m)
  })
})
