import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../../../conformance/runners/free-port.ts'
import { createProgram, pathOf } from '../../src/cli/program.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { headwaterCommand } from '../from-source.ts'
import { PostgresServer } from '../store/postgres/postgres-server.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { startHub } from './running.ts'

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

describe('the examples of --help work:', () => {
  let engine: PostgresServer
  beforeAll(async () => {
    engine = await PostgresServer.start({ settings: { fsync: 'off', synchronous_commit: 'off' } })
  })
  afterAll(() => engine?.dispose())

  test.each(cases)('%s: %s', async (path, example) => {
    const cwd = await preparedDirectory(example)
    const hub = await startHub()
    const port = new URL(hub.url).port
    const foreign = await foreignServer()
    await fetch(`${hub.url}/.well-known/mercure`, {
      method: 'POST',
      body: new URLSearchParams({ topic: 'log', data: 'one' }),
    })
    if (path !== 'headwater init')
      writeFileSync(join(cwd, 'headwater.config.json'), JSON.stringify({ listen: `127.0.0.1:${port}` }))
    const line = placed(example, path, {
      port,
      foreign,
      own: String(await freePort()),
      engine: engine.url({ schema: 'examples' }),
    })
    // What goes on for ever is ended after a while, which is all right.
    const { exitCode, output } = await runShell(`set -o pipefail; ${line}`, cwd)
    // What the doctor finds wrong is 1, too.
    const isDone = [0, 124, ...(path === 'headwater doctor' ? [1] : [])].includes(exitCode)
    expect([isDone, line, exitCode, output]).toEqual([true, line, exitCode, output])
    expect(output).not.toMatch(/^error:/m)
  })
})

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
async function preparedDirectory(example: string): Promise<string> {
  const cwd = temporaryDirectory()
  const store = await openSqliteStore({ directory: join(cwd, 'headwater-data') })
  for (const data of ['one', 'two', 'three']) {
    const rest = { isPrivate: false, id: undefined, type: undefined, retryMs: undefined }
    await store.append({ topics: ['log'], data, ...rest })
  }
  await store.close()
  writeFileSync(join(cwd, 'lines.txt'), 'one\ntwo\n')
  if (/import/.test(example)) {
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
  if (/private\.pem/.test(example)) {
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

async function foreignServer(): Promise<string> {
  const server = createServer((_, res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: tick\ndata: {"a":1}\n\n')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  onTestFinished(() => void server.closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function runShell(line: string, cwd: string): Promise<{ exitCode: number; output: string }> {
  const child = spawn('timeout', ['-s', 'INT', '-k', '5', '5', 'bash', '-c', line], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${join(cwd, '.bin')}${delimiter}${process.env.PATH}`, HEADWATER_LISTEN: '' },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  await once(child, 'close')
  return { exitCode: child.exitCode ?? 124, output }
}
