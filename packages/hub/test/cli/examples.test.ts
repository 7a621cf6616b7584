import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { readEvents } from '@headwater/sse'
import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '../../../../conformance/runners/free-port.ts'
import { createProgram, pathOf } from '../../src/cli/program.ts'
import { createHub, type Hub } from '../../src/create-hub.ts'
import type { HubServer } from '../../src/http/server/server.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { headwaterCommand } from '../from-source.ts'
import { PostgresServer } from '../store/postgres/postgres-server.ts'

/** The commands that do something: the others have some of these below them. */
const commands = leavesOf(createProgram())

function leavesOf(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leavesOf)
}

/** What `--help` prints. */
function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part), getOutHelpWidth: () => 200 })
  command.outputHelp()
  return text
}

/** The command lines of the help's examples. */
function examplesOf(command: Command): string[] {
  const [, part = ''] = /^Examples?:\n((?: {2}.*\n?)+)/m.exec(helpOf(command)) ?? []
  const lines = part
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.trim())
  return lines.filter((line) => /(^|\| )headwater |^export /.test(line))
}

const cases = commands.flatMap((command) => examplesOf(command).map((example) => [pathOf(command), example] as const))

test.each(commands.map((command) => [pathOf(command), command] as const))('%s --help has an example', (_, command) => {
  expect(examplesOf(command)).not.toEqual([])
  expect(command.summary()).not.toBe('')
})

test.each(commands.map((command) => [pathOf(command), command] as const))(
  '%s --help says what each option is',
  (_, command) => {
    for (const { flags, description } of command.options) expect([flags, description]).not.toEqual([flags, ''])
  },
)

/** An event in the hub, whatever its data unless that is given. */
interface Shown {
  readonly topic: string
  readonly data?: string
}

/** Examples that go on for ever, with what shows that they work: a text, or an event in the hub. Then they are ended. */
const endless: readonly (readonly [example: RegExp, shown: RegExp | Shown])[] = [
  [/^headwater try/, /q quit/],
  [/^tail -f .* headwater publish/, { topic: 'log', data: 'second line' }],
  [/^headwater tail (?!.* -n )/, /^(?!headwater:).+\n/m],
  [/^headwater vitals/, { topic: 'vitals' }],
]

describe.concurrent('the examples of --help work:', () => {
  let root: string
  let engine: PostgresServer
  let hub: Hub
  let server: HubServer
  let foreign: Server
  beforeAll(async () => {
    root = mkdtempSync(join(tmpdir(), 'headwater-examples-'))
    engine = await PostgresServer.start({ settings: { fsync: 'off', synchronous_commit: 'off' } })
    hub = await createHub({
      store: createMemoryStore(),
      dashboard: true,
      isOpenToObservers: true,
      isOpenToTrimming: true,
    })
    server = await hub.listen({ host: '127.0.0.1', port: 0 })
    for (const data of ['one', 'two', 'three']) await hub.publish({ topic: 'log', data })
    foreign = await foreignServer()
  })
  afterAll(async () => {
    foreign?.close()
    foreign?.closeAllConnections()
    await server?.close({ deadlineMs: 100 })
    await engine?.dispose()
    rmSync(root, { recursive: true, force: true })
  })

  test.for(cases.map(([path, example], index) => [path, example, index] as const))(
    '%s: %s',
    async ([path, example, index], { expect, onTestFinished }) => {
      const port = new URL(server.url).port
      const line = placed(example, path, {
        port,
        foreign: `http://127.0.0.1:${(foreign.address() as AddressInfo).port}`,
        own: String(await freePort()),
        engine: engine.url({ schema: `examples_${index}` }),
      })
      const cwd = await preparedDirectory(join(root, `${index}`), line)
      if (path !== 'headwater init')
        writeFileSync(join(cwd, 'headwater.config.json'), JSON.stringify({ listen: `127.0.0.1:${port}` }))
      const shown = endless.find(([pattern]) => pattern.test(example))?.[1]
      const shell = new Shell(`set -o pipefail; ${line}`, cwd)
      onTestFinished(() => shell.end('SIGKILL'))
      if (shown) {
        const isShown = shown instanceof RegExp ? shell.said(shown) : eventIn(server.url + hub.path, shown)
        await Promise.race([isShown, shell.closed])
        expect([line, shell.exitCode, shell.output]).toEqual([line, null, shell.output])
        shell.end('SIGINT')
      }
      await shell.closed
      const { exitCode, output } = shell
      // 130 is that of what is interrupted; what the doctor finds wrong is 1.
      const isDone = [0, ...(shown ? [130] : []), ...(path === 'headwater doctor' ? [1] : [])].includes(exitCode ?? 130)
      expect([isDone, line, exitCode, output]).toEqual([true, line, exitCode, output])
      expect(output).not.toMatch(/^error:/m)
    },
  )
})

async function eventIn(hub: string, shown: Shown): Promise<void> {
  const response = await fetch(`${hub}?match=${shown.topic}&last_event_id=earliest`)
  for await (const { data } of readEvents(response.body!)) if (data === (shown.data ?? data)) return
}

interface Places {
  readonly port: string
  readonly own: string
  readonly foreign: string
  readonly engine: string
}

/** The line with servers that are there, in place of those of somebody else. */
function placed(example: string, path: string, { port, own, foreign, engine }: Places): string {
  let line = example.replaceAll(/https:\/\/(stream|llm)\.example\.com/g, foreign)
  line = line.replaceAll(/postgres:\/\/\w+@db\.example\.com\/app/g, `'${engine}'`)
  line = line.replaceAll('/var/lib/headwater', './headwater-data').replaceAll('/var/log/syslog', './lines.txt')
  line = line.replaceAll('127.0.0.1:3000', `127.0.0.1:${port}`).replaceAll('127.0.0.1:3001', `127.0.0.1:${own}`)
  if (/^headwater (doctor|tail|top|bench|history)/.test(path))
    line = line.replaceAll('https://hub.example.com', `http://127.0.0.1:${port}`)
  if (path === 'headwater doctor') {
    line = line.replaceAll(/https:\/\/example\.com\/(?=\S)/g, `${foreign}/`).replaceAll('Bearer …', 'Bearer token')
  }
  // A hub that listens on 443 or asks an authorization server is not to be had here: its options are read.
  if (path === 'headwater serve') return line.replace('headwater serve', 'headwater serve --listen :0 --print-config')
  if (path === 'headwater try') return `${line.replace(' --open', '')} --port 0`
  if (path === 'headwater store check') return `headwater store init '${engine}'; ${line}`
  if (path === 'headwater store init')
    return line.replaceAll(' --grant headwater', '').replace(/^headwater serve/, 'headwater serve --print-config')
  if (path === 'headwater token') return `export HEADWATER_TOKEN_KEY='a secret of at least 32 characters'; ${line}`
  return line
}

/** A folder as somebody has it who has used a hub there. */
async function preparedDirectory(cwd: string, line: string): Promise<string> {
  mkdirSync(cwd)
  if (/headwater-data/.test(line)) {
    const store = await openSqliteStore({ directory: join(cwd, 'headwater-data') })
    for (const data of ['one', 'two', 'three']) {
      const rest = { isPrivate: false, id: undefined, type: undefined, retryMs: undefined }
      await store.append({ topics: ['log'], data, ...rest })
    }
    await store.close()
  }
  writeFileSync(join(cwd, 'lines.txt'), 'first line\nsecond line\n')
  if (/import/.test(line)) {
    const header = {
      headwater: 'history',
      version: 1,
      epoch: 'abcdefghij',
      after: { position: 0, tag: 0 },
      isPart: false,
    }
    const event = { position: 1, tag: 7, id: 'abcdefghij.1.7', at: 1, topics: ['log'], data: 'x' }
    const lines = [header, event, { headwater: 'end', events: 1 }]
    writeFileSync(join(cwd, 'events.jsonl'), lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  }
  if (/private\.pem/.test(line)) {
    const { privateKey } = await import('node:crypto').then(({ generateKeyPairSync }) =>
      generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    )
    writeFileSync(join(cwd, 'private.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  }
  const bin = join(cwd, '.bin')
  mkdirSync(bin)
  writeCommand(
    join(bin, 'headwater'),
    `exec '${process.execPath}' ${headwaterCommand.map((part) => `'${part}'`).join(' ')} "$@"`,
  )
  // What it is given is JSON; not every machine has it.
  writeCommand(join(bin, 'jq'), 'cat')
  return cwd
}

function writeCommand(path: string, script: string): void {
  writeFileSync(path, `#!/bin/sh\n${script}\n`)
  chmodSync(path, 0o755)
}

async function foreignServer(): Promise<Server> {
  const server = createServer((_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: tick\ndata: {"a":1}\n\n')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

/** A line in a shell, with all that it starts in a process group of its own. */
class Shell {
  output = ''
  readonly closed: Promise<unknown>
  readonly #child: ChildProcess
  #onOutput = () => {}

  constructor(line: string, cwd: string) {
    this.#child = spawn('bash', ['-c', line], {
      cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, PATH: `${join(cwd, '.bin')}${delimiter}${process.env.PATH}`, HEADWATER_LISTEN: '' },
    })
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text) => {
        this.output += text
        this.#onOutput()
      })
    }
    this.closed = once(this.#child, 'close')
  }

  /** `null` until it has ended, and if a signal ended it. */
  get exitCode(): number | null {
    return this.#child.exitCode
  }

  said(pattern: RegExp): Promise<void> {
    return new Promise((resolve) => {
      this.#onOutput = () => pattern.test(this.output) && resolve()
      this.#onOutput()
    })
  }

  /** Sends a signal to every process of it, as a terminal does. */
  async end(signal: NodeJS.Signals): Promise<void> {
    try {
      process.kill(-this.#child.pid!, signal)
    } catch (error) {
      // All of them have ended.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
    if (signal === 'SIGKILL') await this.closed
  }
}
