import { type Command, Option } from 'commander'
import { HubError } from '../../base/errors.ts'
import { usesHubConfiguration } from '../options/configuration.ts'
import { hubOption, tokenOption } from '../options/hub-option.ts'
import type { HistoryFilter, KeptHistory } from './kept-history.ts'
import { positionIn } from './kept-history.ts'
import { type Place, parsePlace } from './place.ts'

/** The values of the flags of {@link addPlaceFlags}. */
export interface PlaceFlags {
  readonly hub: URL
  readonly token?: string
}

/** The values of the flags of {@link addFilterFlags}. */
export interface FilterFlags {
  readonly topic: readonly string[]
  readonly match: readonly string[]
  readonly type: readonly string[]
}

/** Adds the argument and the flags that say where the history is. */
export function addPlaceFlags(command: Command): Command {
  command
    .argument('[where]', 'URL of a hub, or directory of its --store; default: --hub', parsePlace)
    .addOption(hubOption())
    .addOption(tokenOption())
  return usesHubConfiguration(command, ['hub'])
}

export function placeOf(given: Place | undefined, { hub }: PlaceFlags): Place {
  return given ?? { name: 'hub', url: hub }
}

/** Adds the flags that select events. */
export function addFilterFlags(command: Command): Command {
  return command
    .addOption(collecting('-t, --topic <topic>', 'only events of this topic; repeat it for more'))
    .addOption(collecting('--match <pattern>', 'only of topics that a URL pattern matches; repeat it for more'))
    .addOption(collecting('--type <type>', 'only events of this type; repeat it for more'))
}

export function filterOf({ topic, match, type }: FilterFlags): HistoryFilter {
  return { topics: topic, patterns: match, types: type }
}

/** A point of the history: an event by its ID or position, or a time. */
export type Point = { readonly name: 'event'; readonly id: string } | { readonly name: 'time'; readonly at: number }

/** A flag with a {@link Point}: `10m` ago, `2027-01-31T08:00`, an ID or a position. */
export function pointOption(flags: string, description: string): Option {
  const flag = flags.split(' ')[0]!
  return new Option(flags, description).argParser((text) => parsePoint(text, flag))
}

export function parsePoint(text: string, flag: string, now = Date.now()): Point {
  const ago = /^(?<count>\d{1,9})(?<unit>[smhd])$/.exec(text)?.groups
  if (ago) return { name: 'time', at: now - Number(ago.count) * msOf[ago.unit!]! }
  if (/^\d{4}-\d\d-\d\d/.test(text)) {
    const at = Date.parse(text)
    if (!Number.isNaN(at)) return { name: 'time', at }
    throw new HubError('INVALID_OPTION', `${flag} ${text} is not a time. Write it as 2027-01-31T08:00 or 10m.`)
  }
  if (text !== '' && !/\p{Cc}/u.test(text)) return { name: 'event', id: text }
  throw new HubError('INVALID_OPTION', `${flag} ${JSON.stringify(text)} is neither an ID, a position nor a time.`)
}

const msOf: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** The first position that is not before a point. */
export async function positionOf(point: Point, history: KeptHistory, epoch: string, flag: string): Promise<number> {
  if (point.name === 'time') return await history.firstSince(point.at)
  if (/^\d+$/.test(point.id)) return positionIn(point.id, epoch)!
  const found = await history.find(point.id)
  if (found) return found.event.position
  throw new HubError('INVALID_OPTION', `${flag} ${point.id}: no event with that ID is kept in ${history.text}.`)
}

function collecting(flags: string, description: string): Option {
  return new Option(flags, description)
    .argParser((text: string, before: readonly string[]) => [...before, text])
    .default([], 'none')
}
