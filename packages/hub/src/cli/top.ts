import { ConnectionError, events } from '@headwater/sse/client'
import { Command } from 'commander'
import { HubError } from '../base/errors.ts'
import type { Observed } from '../observe/observatory.ts'
import { authorizationOf } from './hub-client.ts'
import { type ObservedHub, observedUrl, readObserved } from './observed-routes.ts'
import { usesHubConfiguration } from './options/configuration.ts'
import { hubOption, parseHubUrl, tokenOption } from './options/hub-option.ts'
import { failureText } from './tail/connection-report.ts'
import { FullScreen } from './terminal/full-screen.ts'
import { paintFor } from './terminal/paint.ts'
import { topScreen } from './top/top-screen.ts'
import { subscriberOrders, TopState, topicOrders } from './top/top-state.ts'

interface TopOptions {
  hub: URL
  token?: string
  once?: true
  json?: true
}

/** The most subscribers that are shown, and how often they are asked for. */
const mostSubscribers = 100
const subscribersMs = 2000

export function topCommand(): Command {
  const command = new Command('top')
    .summary('watch a hub: rates, topics, slow subscribers')
    .description(
      'Shows how much a hub publishes and delivers, its busiest topics, and its subscribers, those that are the furthest behind first; live, over the whole terminal. Without a terminal it prints one report. It needs a token with the right to observe.',
    )
    .argument('[url]', 'URL of the hub; default: --hub', (text) => parseHubUrl(text, 'the URL'))
    .addOption(hubOption())
    .addOption(tokenOption())
    .option('--once', 'print one report and exit')
    .option('--json', 'print it as JSON and exit: {"stats":…,"subscribers":…}')
    .addHelpText(
      'after',
      `
Keys: q quits, t orders topics by rate, events, newest or name, s orders subscribers by how far they
are behind, unsent bytes, age or address, p pauses.

Examples:
  headwater top
  headwater top http://127.0.0.1:3000 --once
  headwater top --json | jq .stats.totals`,
    )
    .action(top)
  return usesHubConfiguration(command, ['hub'])
}

async function top(given: URL | undefined, { hub: fallback, token, once, json }: TopOptions): Promise<void> {
  const hub: ObservedHub = { url: given ?? fallback, token }
  const observed = await readObserved(hub, 'stats', {}, 'top')
  const subscribers = await readObserved(hub, 'subscribers', { limit: mostSubscribers }, 'top')
  if (json) {
    process.stdout.write(`${JSON.stringify({ stats: observed, subscribers })}\n`)
    return
  }
  const state = new TopState(observed, subscribers)
  const paint = paintFor(process.stdout)
  const place = hub.url.host
  if (once || !process.stdout.isTTY || !process.stdin.isTTY) {
    const columns = process.stdout.columns || 80
    const lines = topScreen(state, { columns, rows: Infinity, paint, now: observed.at, place, hasKeys: false })
    process.stdout.write(
      `${lines
        .map((line) => line.trimEnd())
        .join('\n')
        .trimEnd()}\n`,
    )
    return
  }
  await watch(hub, state, (screen) =>
    topScreen(state, { columns: screen.columns, rows: screen.rows, paint, now: Date.now(), place, hasKeys: true }),
  )
}

async function watch(
  hub: ObservedHub,
  state: TopState,
  linesOf: (screen: FullScreen) => readonly string[],
): Promise<void> {
  const screen = new FullScreen()
  const ended = new AbortController()
  const draw = () => screen.draw(linesOf(screen))
  screen.open((key) => {
    if (key === 'q' || key === 'Q') ended.abort()
    else if (key === 't') state.topicOrder = after(topicOrders, state.topicOrder)
    else if (key === 's') state.subscriberOrder = after(subscriberOrders, state.subscriberOrder)
    else if (key === 'p' || key === ' ') state.isPaused = !state.isPaused
    if (!ended.signal.aborted) draw()
  }, draw)
  const timer = setInterval(() => void readSubscribers(), subscribersMs)
  try {
    draw()
    await follow()
  } finally {
    clearInterval(timer)
    screen.close()
  }

  async function follow(): Promise<void> {
    try {
      const stream = events(observedUrl(hub, 'stats/stream'), {
        headers: authorizationOf(hub.token),
        retry: { maxBackoffMs: 2000 },
        idleTimeoutMs: 15_000,
        signal: ended.signal,
        onState(connection) {
          if (connection.name === 'waiting') state.trouble = `${failureText(connection.failure)}; trying again`
          if (connection.name === 'open') state.trouble = undefined
          draw()
        },
      })
      for await (const { data } of stream) {
        if (state.isPaused) continue
        state.add(JSON.parse(data) as Observed)
        draw()
      }
    } catch (error) {
      if (ended.signal.aborted) return
      if (!(error instanceof ConnectionError)) throw error
      throw new HubError('HUB_REFUSED', `top: ${failureText(error)}.`, { cause: error })
    }
  }

  async function readSubscribers(): Promise<void> {
    if (state.isPaused || state.trouble) return
    try {
      state.subscribers = await readObserved(hub, 'subscribers', { limit: mostSubscribers }, 'top')
      draw()
    } catch (error) {
      // The stream of figures says what is wrong.
      if (!(error instanceof HubError)) throw error
    }
  }
}

function after<T>(all: readonly T[], one: T): T {
  return all[(all.indexOf(one) + 1) % all.length]!
}
