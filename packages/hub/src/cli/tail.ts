import { SseError } from '@headwater/sse'
import { ConnectionError, events, type FetchInit } from '@headwater/sse/client'
import { parseEventId } from '@headwater/sse/internal'
import { Command, Option } from 'commander'
import { HubError } from '../base/errors.ts'
import { authorizationOf } from './hub-client.ts'
import { networkFailureOf } from './network-failure.ts'
import { usesHubConfiguration } from './options/configuration.ts'
import { hubOption, tokenOption } from './options/hub-option.ts'
import { ConnectionReport, failureText } from './tail/connection-report.ts'
import { type PrintedEvent, type Printing, printerFor } from './tail/print-events.ts'
import { contentTypeOf, parseHeader, parseTailUrl, readBody, type TailTarget, targetAt } from './tail/request.ts'
import { lastEventIdOf, parseLastEventId, parseSince, type Since } from './tail/since.ts'
import { paintFor } from './terminal/paint.ts'

interface TailOptions {
  topic: string[]
  match: string[]
  type: string[]
  hub: URL
  token?: string | undefined
  since?: Since
  lastEventId?: string
  count?: number
  pretty?: true
  data?: true
  json?: true
  raw?: true
  indent?: true
  header: (readonly [string, string])[]
  request?: string
  body?: string
  retry: boolean
  quiet?: true
}

export function tailCommand(): Command {
  const command = new Command('tail')
    .summary('print the events of a stream as they arrive')
    .description(
      'Prints the events of a hub, or of any server that sends Server-Sent Events. If the connection breaks, it reconnects and resumes where it was. What becomes of the connection is said on standard error. Ctrl-C ends it.',
    )
    .argument('[url]', 'URL of a hub, or of any event stream; default: --hub', parseTailUrl)
    .optionsGroup('What to print:')
    .addOption(collecting('-t, --topic <topic>', 'topic of a hub; repeat it for more; default: all'))
    .addOption(collecting('--match <pattern>', 'topics by a URL pattern, such as https://example.com/books/:id'))
    .addOption(collecting('--type <type>', 'only events of this type; repeat it for more'))
    .addOption(
      new Option(
        '--since <place>',
        'start in the history: after the event with an ID, with the "earliest", with the last 20 (-20), or with those of the last 10m; default: only new events. -N, earliest and times are for hubs, times need a token with the right to observe.',
      ).argParser((text) => parseSince(text)),
    )
    .addOption(
      new Option('--last-event-id <id>', 'the same with exactly this Last-Event-ID, whatever it looks like').argParser(
        (text) => parseLastEventId(text, '--last-event-id'),
      ),
    )
    .option('-n, --count <count>', 'exit after this many events', parseCount)
    .optionsGroup('How to print it:')
    .option('--pretty', 'with time, type and ID, in colours: what a terminal gets unless told otherwise')
    .option('--data', 'only the data: what a pipe or a file gets unless told otherwise')
    .option('--json', 'each event as a line of JSON: {"id":…,"type":…,"data":…}')
    .option('--raw', 'the bytes as they come, comments and heartbeats included')
    .option('--indent', 'lay out data that is JSON over several lines')
    .option('-q, --quiet', 'say nothing about the connection')
    .optionsGroup('The request:')
    .addOption(hubOption())
    .addOption(tokenOption())
    .addOption(
      new Option('-H, --header <header>', "header to send, as 'name: value'; repeat it for more")
        .argParser(parseHeader)
        .default([], 'none'),
    )
    .option('-X, --request <method>', 'method of the request; default: GET, with -d POST')
    .option('-d, --body <data>', 'body of the request; @FILE for that of a file, @- for standard input', readBody)
    .option('--no-retry', 'exit when the connection fails or ends, instead of reconnecting')
    .addHelpText(
      'after',
      `
Examples:
  headwater tail http://127.0.0.1:3000 -t log --since -10
  headwater tail -t log --since earliest --json -n 3
  headwater tail https://stream.example.com/prices -H 'x-api-key: SECRET' --type tick --indent
  headwater tail https://llm.example.com/v1/chat -d '{"stream":true}' --raw

Exit codes:
  0  ended by Ctrl-C, by -n, by the server for good, or because nobody reads the output any more
  1  refused by the server, which says why; or its certificate is wrong, or it speaks no HTTP
  2  called incorrectly`,
    )
    .action(tail)
  return usesHubConfiguration(command, ['hub'])
}

async function tail(given: URL | undefined, options: TailOptions, command: Command): Promise<void> {
  const printing = printingOf(options)
  if (given && command.getOptionValueSource('hub') === 'cli') {
    throw new HubError('INVALID_OPTION', 'The URL and --hub both say what to subscribe to. Use one of them.')
  }
  if (options.since && options.lastEventId !== undefined) {
    throw new HubError('INVALID_OPTION', '--since and --last-event-id both say where to begin. Use one of them.')
  }
  const target = targetAt(given ?? options.hub, options)
  // A token of the environment is for a hub, not for whatever else one looks at.
  const isTokenForHub = command.getOptionValueSource('token') === 'env'
  const token = isTokenForHub && !target.isHub ? undefined : options.token
  const { since } = options
  if (since && since.name !== 'id' && !target.isHub) throw foreign(since, target)
  const hub = { url: target.url, token }
  const lastEventId = since ? await lastEventIdOf(since, hub) : options.lastEventId
  const write = options.quiet ? () => {} : (line: string) => void process.stderr.write(`${line}\n`)
  const report = new ConnectionReport(target.place, paintFor(process.stderr), write)
  await print(target, printing, lastEventId, report, { ...options, token })
}

async function print(
  target: TailTarget,
  printing: Printing,
  lastEventId: string | undefined,
  report: ConnectionReport,
  options: TailOptions,
): Promise<void> {
  const { since, count = Infinity, type: types, retry } = options
  const stopped = new AbortController()
  process.once('SIGINT', () => stopped.abort())
  const { method, body, headers } = requestOf(options)
  const isRepeatable = method === 'GET'
  const asked = since && since.name !== 'id' && since.name !== 'time' ? since : undefined
  const earlier = new EarlierEvents()
  /** The last event ID of the latest request. */
  let sentId = lastEventId ?? ''
  let wasOpen = false
  let printed = 0
  try {
    const stream = events(target.url, {
      headers(context) {
        sentId = context.lastEventId
        return headers
      },
      method,
      body,
      lastEventId,
      retry: retry && isRepeatable ? { maxBackoffMs: 5000, decide: (failure) => decide(failure, wasOpen) } : false,
      idleTimeoutMs: 60_000,
      signal: stopped.signal,
      ...(printing === 'raw' && { fetch: writingBytes }),
      onOpen(response) {
        earlier.onOpen(response, lastEventId)
        if (asked && !isOfHub(response, asked)) stopped.abort(foreign(asked, target))
      },
      onGap: (gap) => report.onGap(gap),
      onState(state) {
        if (state.name !== 'closed' || (retry && isRepeatable)) report.onState(state, sentId)
        if (state.name === 'open') wasOpen = true
      },
    })
    if (target.isHub && lastEventId !== undefined && printing === 'pretty') await earlier.ask(target.url, headers)
    const textOf = printing === 'raw' ? () => '' : printerFor(printing, { indents: options.indent === true })
    for await (const event of stream) {
      const shown: PrintedEvent = { ...event, isEarlier: earlier.has(event.lastEventId) }
      if (types.length > 0 && !types.includes(event.type)) continue
      if (printing !== 'raw') process.stdout.write(textOf(shown))
      if (++printed >= count) return
    }
    if (!isRepeatable || !retry) report.note('the response ended.')
  } catch (error) {
    if (stopped.signal.aborted) {
      if (stopped.signal.reason instanceof HubError) throw stopped.signal.reason
      return
    }
    throw describe(error, target)
  }
}

/** Whether another attempt is worth it; `undefined` for what the client would do. */
function decide(failure: { readonly code: string; readonly cause?: unknown }, wasOpen: boolean): boolean | undefined {
  if (failure.code !== 'NETWORK_ERROR' || failure.cause === undefined || wasOpen) return undefined
  return networkFailureOf(failure.cause).mayPass ? undefined : false
}

/** Writes the bytes of a response as they come, no faster than they are read. */
async function writingBytes(url: string, init: FetchInit): Promise<Response> {
  const response = await fetch(url, init)
  if (response.status !== 200 || !response.body) return response
  const written = new TransformStream<Uint8Array, Uint8Array>({
    async transform(chunk, controller) {
      if (!process.stdout.write(chunk)) await new Promise((resolve) => process.stdout.once('drain', resolve))
      controller.enqueue(chunk)
    },
  })
  return new Response(response.body.pipeThrough(written), response)
}

function requestOf({ token, header, request, body }: TailOptions) {
  const headers = new Headers(authorizationOf(token))
  for (const [name, value] of header) headers.append(name, value)
  if (body !== undefined && !headers.has('content-type')) headers.set('content-type', contentTypeOf(body))
  const method = request?.toUpperCase() ?? (body === undefined ? 'GET' : 'POST')
  if (!/^[A-Z]+$/.test(method)) {
    throw new HubError('INVALID_OPTION', `-X ${JSON.stringify(request)} is not a method. Write it as -X POST.`)
  }
  if (method === 'GET' && body !== undefined) {
    throw new HubError('INVALID_OPTION', '-d is a body, and a GET has none. Leave out -X, or use another method.')
  }
  return { headers: Object.fromEntries(headers), method, body }
}

function printingOf({ pretty, data, json, raw, indent }: TailOptions): Printing {
  const chosen = Object.entries({ pretty, data, json, raw }).flatMap(([name, is]) => (is ? [name as Printing] : []))
  if (chosen.length > 1) {
    throw new HubError('INVALID_OPTION', `--${chosen.join(' and --')} are two ways to print. Use one of them.`)
  }
  const printing = chosen[0] ?? (process.stdout.isTTY ? 'pretty' : 'data')
  if (indent && (printing === 'json' || printing === 'raw')) {
    throw new HubError('INVALID_OPTION', `--indent does not go with --${printing}, which prints data as it is.`)
  }
  return printing
}

/** Whether a server has understood where to begin. One that does not know it begins with new events, silently. */
function isOfHub({ headers }: Response, since: Since): boolean {
  const preceding = headers.get('mercure-last-event-id') ?? headers.get('last-event-id')
  if (preceding === null) return false
  return since.name === 'earliest' || preceding === 'earliest' || parseEventId(preceding) !== undefined
}

function foreign(since: Since, { place }: Pick<TailTarget, 'place'>): HubError {
  const what =
    since.name === 'earliest'
      ? '"earliest"'
      : since.name === 'last'
        ? `-${since.count}`
        : `a time (${(since as { text: string }).text})`
  return new HubError(
    'HUB_REFUSED',
    `${place} is not a hub of Headwater, and other servers do not know --since ${what}. Use --since ID, if its events have IDs and it keeps them.`,
  )
}

function describe(error: unknown, { place, isHub }: TailTarget): unknown {
  if (error instanceof ConnectionError) {
    const text = failureText(error)
    if (error.status !== undefined && error.status !== 200) {
      const who = isHub ? 'The hub refused the subscription' : `${place} refused the request`
      return new HubError('HUB_REFUSED', `${who}: ${text.replace(/^the server answered /, '')}.`, { cause: error })
    }
    return new HubError('HUB_UNREACHABLE', `${place}: ${text}${/[.?]$/.test(text) ? '' : '.'}`, { cause: error })
  }
  if (error instanceof SseError) return new HubError('HUB_REFUSED', `${place}: ${error.message}`, { cause: error })
  return error
}

/** Knows which events were in the history before the command began: the newest one of them is asked for. */
class EarlierEvents {
  #last: string | undefined

  async ask(url: URL, headers: Record<string, string>): Promise<void> {
    const last = new URL(url)
    last.pathname += '/last'
    try {
      const response = await fetch(last, { headers, redirect: 'error', signal: AbortSignal.timeout(5000) })
      if (response.ok) this.#last = ((await response.json()) as { last_event_id?: string }).last_event_id
    } catch {
      // Then each event has the time at which it came. What is wrong, the stream will say.
    }
  }

  onOpen({ headers }: Response, requested: string | undefined): void {
    // Everything was there already when it was asked for.
    if (requested === this.#last || headers.get('mercure-last-event-id') === this.#last) this.#last = undefined
  }

  has(id: string): boolean {
    if (this.#last === undefined) return false
    const [last, each] = [parseEventId(this.#last), parseEventId(id)]
    const isLater = last && each && (each.epoch !== last.epoch || each.position > last.position)
    if (isLater || id === this.#last) {
      this.#last = undefined
      return !isLater
    }
    return true
  }
}

function collecting(flags: string, description: string): Option {
  return new Option(flags, description)
    .argParser((text: string, before: readonly string[]) => [...before, text])
    .default([], 'none')
}

function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text)
  throw new HubError(
    'INVALID_OPTION',
    `-n ${text} is not a number of events. To start with the last ones, use --since -N.`,
  )
}
