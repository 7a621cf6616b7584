import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { Command } from 'commander'
import { HubError } from '../base/errors.ts'
import { hubPath } from '../base/hub-path.ts'
import { wrapColumns } from './terminal/columns.ts'
import { paintFor } from './terminal/paint.ts'
import { Counting } from './try/counting.ts'
import { freePort, HubProcess } from './try/hub-process.ts'

interface TryOptions {
  directory?: string
  port: number
  open?: true
}

const topic = 'try'

export function tryCommand(): Command {
  return new Command('try')
    .summary('from nothing to a page that survives a pulled plug, in a minute')
    .description(
      'Starts a hub that is open to this machine only, publishes a number each second, and says step by step how to pull the plug while you look at the page: the hub is killed and started again, and nothing is missing. It opens nothing by itself, and leaves nothing behind unless you name a directory.',
    )
    .option('--directory <directory>', 'keep the history here; default: a temporary one, removed at the end')
    .option('--port <port>', 'port to listen on; any free one if it is in use', parsePort, 3000)
    .option('--open', 'open the page in the browser')
    .addHelpText(
      'after',
      `
Examples:
  headwater try
  headwater try --directory ./headwater-try --open`,
    )
    .action(tryIt)
}

async function tryIt({ directory: given, port: wanted, open }: TryOptions): Promise<void> {
  const directory = given === undefined ? mkdtempSync(join(tmpdir(), 'headwater-try-')) : resolve(given)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const remove = () => given === undefined && rmSync(directory, { recursive: true, force: true, maxRetries: 10 })
  const hub = new HubProcess(await freePort(wanted), directory)
  const leave = () => {
    hub.kill()
    remove()
  }
  process.once('exit', leave)
  // Until there is more to end than the process.
  const signals = new Signals(() => process.exit(1))
  const origin = `http://127.0.0.1:${hub.port}`
  const counting = new Counting(new URL(hubPath, origin), topic)
  const paint = paintFor(process.stdout)
  const columns = process.stdout.isTTY ? process.stdout.columns : Infinity
  const say = (text: string) => {
    const lines = text.split('\n').map((line) => wrapColumns(line, columns, /^ */.exec(line)![0].length))
    process.stdout.write(`${lines.join('\n')}\n`)
  }
  const onEnd = (how: string) => say(paint('bad', `The hub ended by itself: ${how}`))
  await hub.start(onEnd)
  const page = `${origin}/?topic=${topic}`
  const steps = stepsText(page, origin, given === undefined ? 'a temporary directory' : directory, paint)
  /** What the subscriber had when the plug was pulled. */
  let before: number | undefined
  counting.start((number) => {
    if (before === undefined || !hub.isRunning || number <= before) return
    say(backText(before, number, counting, paint))
    before = undefined
  })
  const ended = readKeys(signals, async (key) => {
    if (key === 'k' && hub.isRunning) {
      const { pid } = hub
      await hub.end('SIGKILL')
      before = counting.received
      say(
        `${paint('bad', 'Killed')} the hub (kill -9 ${pid}), after number ${before}. The page says that it has lost it. Now press ${keyText('s', paint)}.`,
      )
    } else if (key === 'x' && hub.isRunning) {
      await hub.end('SIGTERM')
      before = counting.received
      say(`${paint('warning', 'Stopped')} the hub in order, after number ${before}. Now press ${keyText('s', paint)}.`)
    } else if (key === 's' && !hub.isRunning) {
      await hub.start(onEnd)
      say(`${paint('good', 'Started')} it again, on the same directory.`)
    } else if (key === 's') say('The hub is running. Press k to kill it.')
    else if (key === 'k' || key === 'x') say('The hub is not running. Press s to start it.')
    else if (key === 'q') return true
    return false
  })
  say(steps)
  if (open) openPage(page, say)
  await ended
  counting.stop()
  await hub.end('SIGTERM')
  process.off('exit', leave)
  remove()
  const { published, received, wrong, reconnects } = counting
  say(
    `The subscriber got 1 to ${received}${wrong === 0 ? ', each once and in order' : `, ${wrong} of them not in order`}, over ${reconnects + 1} connection${reconnects === 0 ? '' : 's'}; the hub acknowledged 1 to ${published}.`,
  )
  if (given !== undefined) say(`The history is in ${directory}: headwater serve --dev --store file:${directory}`)
  // The publisher may wait for a hub that does not come back.
  process.exit(wrong === 0 ? 0 : 1)
}

type Painting = ReturnType<typeof paintFor>

function keyText(key: string, paint: Painting): string {
  return paint('strong', key)
}

function stepsText(page: string, origin: string, where: string, paint: Painting): string {
  const key = (name: string) => keyText(name, paint)
  return `A hub runs at ${origin}, with its history in ${where}.
A number is published each second.

  1. Open ${paint('strong', page)}
     and watch the numbers come.
  2. Publish something yourself, in another terminal:
     headwater publish --hub ${origin} -t ${topic} 'hello'
  3. Pull the plug: press ${key('k')}, and the hub is killed.
  4. Press ${key('s')}, and it starts again. The page goes on by itself,
     with every number: none is missing or doubled.

${process.stdin.isTTY ? 'Keys' : 'Lines of standard input'}: ${key('k')} kill, ${key('x')} stop in order, ${key('s')} start, ${key('q')} quit
`
}

function backText(before: number, number: number, { wrong }: Counting, paint: Painting): string {
  const what =
    wrong === 0
      ? `${paint('good', 'Nothing is missing')}: after ${before} came ${before + 1}`
      : paint('bad', 'Something is missing')
  return `${what}${number > before + 1 ? ` to ${number}` : ''}. The subscriber connected again with the ID of ${before}.`
}

/** What a signal that asks for the end does. */
class Signals {
  listener: () => void

  constructor(listener: () => void) {
    this.listener = listener
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => this.listener())
  }
}

/** Calls with each key, or the first letter of each line where there is no terminal, until that returns true. */
async function readKeys(signals: Signals, onKey: (key: string) => Promise<boolean>): Promise<void> {
  const { stdin } = process
  const done = Promise.withResolvers<void>()
  let last: Promise<unknown> = Promise.resolve()
  const take = (key: string) => {
    last = last.then(async () => (await onKey(key.toLowerCase())) && done.resolve()).catch(done.reject)
  }
  signals.listener = () => take('q')
  if (!stdin.isTTY) {
    const lines = createInterface({ input: stdin })
    lines.on('line', (line) => take(line.trim().slice(0, 1)))
    await done.promise
    lines.close()
    return
  }
  stdin.setRawMode(true)
  stdin.setEncoding('utf8').on('data', (data) => {
    for (const key of String(data)) take(key === '\x03' || key === '\x04' ? 'q' : key)
  })
  try {
    await done.promise
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
  }
}

function openPage(url: string, say: (text: string) => void): void {
  const [program, ...parameters] = openers[process.platform] ?? ['xdg-open']
  const child = spawn(program!, [...parameters, url], { stdio: 'ignore', detached: true })
  child.once('error', () => say(`The browser could not be opened (${program}). Open ${url} yourself.`))
  child.unref()
}

const openers: Readonly<Partial<Record<NodeJS.Platform, readonly string[]>>> = {
  darwin: ['open'],
  win32: ['cmd', '/c', 'start', ''],
}

function parsePort(text: string): number {
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text)
  throw new HubError('INVALID_OPTION', `--port ${text} is not a port, 0 to 65535.`)
}
