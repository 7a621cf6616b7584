import { createInterface } from 'node:readline/promises'
import { Command } from 'commander'
import { HubError } from '../../base/errors.ts'
import { openSqliteStore } from '../../store/sqlite.ts'
import { askHub, observedUrl } from '../observed-routes.ts'
import { addPlaceFlags, type PlaceFlags, type Point, placeOf, pointOption, positionOf } from './history-flags.ts'
import { type HistoryBounds, type KeptHistory, openHistory } from './kept-history.ts'
import { assertNoCopy, type Place } from './place.ts'

interface TrimOptions extends PlaceFlags {
  readonly before?: Point
  readonly keep?: number
  readonly yes?: true
}

export function trimCommand(): Command {
  const command = new Command('trim')
    .summary('drop the oldest events, for everyone and for good')
    .description(
      'Drops the oldest events. Subscribers that return for one of them are told of a gap. Of a hub that runs, this needs a token with the action trim (headwater token --trim); a directory must not be in use. It asks first.',
    )
  addPlaceFlags(command)
  return command
    .addOption(pointOption('--before <point>', 'drop what is before: an ID, a position, 30d ago, or 2027-01-31T08:00'))
    .option('--keep <count>', 'drop all but the newest COUNT events', parseCount)
    .option('-y, --yes', 'do not ask')
    .addHelpText(
      'after',
      `
Examples:
  headwater history trim --before 30d --yes
  headwater history trim ./headwater-data --keep 1000 --yes`,
    )
    .action(trim)
}

async function trim(given: Place | undefined, options: TrimOptions): Promise<void> {
  const { before, keep, yes } = options
  if ((before === undefined) === (keep === undefined)) {
    throw new HubError('INVALID_OPTION', 'Say what to drop: --before POINT, or --keep COUNT.')
  }
  const place = placeOf(given, options)
  if (place.name === 'directory') assertNoCopy(place.directory)
  const history = openHistory(place, options.token)
  let bounds: HistoryBounds
  let through: number
  let dropped: number
  try {
    bounds = await history.bounds()
    through = Math.min(
      bounds.head,
      before
        ? (await positionOf(before, history, bounds.epoch, '--before')) - 1
        : await lastBut(keep!, bounds, history),
    )
    dropped = bounds.count - (await countAfter(through, bounds, history))
  } finally {
    history.close()
  }
  const of = `${dropped.toLocaleString('en')} of the ${bounds.count.toLocaleString('en')} events of ${history.text}`
  if (dropped === 0) {
    console.error(`headwater: nothing to drop in ${history.text}.`)
    return
  }
  if (!yes && !(await isAgreed(`Drop ${of}? Nothing brings them back. [y/N] `))) {
    console.error('headwater: nothing was dropped.')
    process.exitCode = 1
    return
  }
  if (place.name === 'hub') {
    const hub = { url: place.url, token: options.token }
    const url = observedUrl(hub, 'history', { through, epoch: bounds.epoch })
    await askHub(hub, url, { method: 'DELETE' }, 'Trimming', 'trim')
  } else {
    const store = await openSqliteStore({ directory: place.directory, maxBytes: Infinity })
    try {
      await store.trim(through)
    } finally {
      await store.close()
    }
  }
  console.error(`headwater: dropped ${of}.`)
}

/** The position of the newest event that goes if so many are kept. */
async function lastBut(keep: number, { head, trimmed, count }: HistoryBounds, history: KeptHistory): Promise<number> {
  if (keep >= count) return trimmed.position
  // Without holes, it is known.
  if (head - trimmed.position === count) return head - keep
  let left = keep
  for await (const page of history.back(everything, head + 1)) {
    if (page.length > left) return page[page.length - 1 - left]!.position
    left -= page.length
  }
  return trimmed.position
}

async function countAfter(
  through: number,
  { head, trimmed, count }: HistoryBounds,
  history: KeptHistory,
): Promise<number> {
  if (head - trimmed.position === count) return head - Math.max(through, trimmed.position)
  let events = 0
  for await (const page of history.forwards(everything, through, head)) events += page.length
  return events
}

const everything = { topics: [], patterns: [], types: [] }

async function isAgreed(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new HubError('INVALID_OPTION', 'Nobody is there to be asked: add --yes.')
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim())
  } finally {
    terminal.close()
  }
}

function parseCount(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new HubError('INVALID_OPTION', `--keep ${text} is not a number of events. Write a whole number.`)
}
