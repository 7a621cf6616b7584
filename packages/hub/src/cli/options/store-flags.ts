import { type Command, Option } from 'commander'
import { HubError } from '../../base/errors.ts'
import { memoryDefaults } from '../../store/memory.ts'
import { type OpenStoreOptions, openStore as openStoreAt } from '../../store/open.ts'
import { isPostgresUrl, parsePostgresAddress } from '../../store/postgres/address.ts'
import { sqliteDefaults } from '../../store/sqlite.ts'
import type { EventStore } from '../../store/store.ts'
import { DurationOption } from './option-types.ts'

/** The values of the flags of {@link addStoreFlags}. */
export interface StoreFlags {
  readonly store: string
  readonly durability: 'full' | 'fast'
  readonly maxAge?: number
  readonly maxEvents?: number
  readonly maxBytes?: number
}

/** Adds the flags that say where events are stored, and for how long. */
export function addStoreFlags(command: Command): Command {
  return command
    .option(
      '--store <url>',
      'where to store events: file:DIRECTORY, created if it does not exist; memory:, gone when the hub exits; or postgres://USER@HOST[,HOST…]/DATABASE, shared by several hubs (docs/cluster.md)',
      'file:./headwater-data',
    )
    .addOption(
      new Option(
        '--durability <level>',
        'what an acknowledged event survives: with "full" a power loss; with "fast" only the end of this process: a power loss may lose the events of the last moments',
      )
        .choices(['full', 'fast'])
        .default(sqliteDefaults.durability),
    )
    .addOption(
      new DurationOption('--max-age <time>', 'drop events older than this, such as 12h or 30d; default: no limit'),
    )
    .option(
      '--max-events <count>',
      `keep at most this many events; default: no limit; ${memoryDefaults.maxEvents.toLocaleString('en')} in memory`,
      parseCount,
    )
    .option(
      '--max-bytes <size>',
      `keep at most this much, such as 500MB or 10GiB; default: ${textOfBytes(sqliteDefaults.maxBytes)}; ${textOfBytes(memoryDefaults.maxBytes)} in memory`,
      (text) => parseBytes(text, '--max-bytes'),
    )
}

/**
 * Opens the store that the flags describe. `onError` receives later failures that no promise can
 * report.
 */
export async function openStore(
  flags: StoreFlags,
  listeners: Pick<OpenStoreOptions, 'onError' | 'onUncleanStop' | 'onLoss' | 'onCaution'>,
): Promise<EventStore> {
  try {
    return await openStoreAt(flags.store, { ...storeOptionsOf(flags), ...listeners })
  } catch (error) {
    if (!(error instanceof HubError) || error.code !== 'INVALID_OPTION') throw error
    throw new HubError(error.code, `--store: ${error.message}`, { cause: error })
  }
}

function storeOptionsOf({ durability, maxAge, maxEvents, maxBytes }: StoreFlags): OpenStoreOptions {
  return { durability, maxAgeMs: maxAge === undefined ? undefined : maxAge * 1000, maxEvents, maxBytes }
}

/** Describes for the operator where events are stored, and what that survives. */
export function describeStore({ store, durability }: StoreFlags): string {
  if (isPostgresUrl(store)) {
    const { text, directory } = parsePostgresAddress(store)
    return `events are stored in ${text}, and copied into ${directory}.`
  }
  if (store === 'memory:') return 'events are stored in memory only, and are gone when this process exits.'
  const where = `events are stored in ${store.replace(/^file:/, '')}`
  if (durability === 'full') return `${where}.`
  return `${where}. With --durability fast, a power loss may lose acknowledged events of the last moments.`
}

/** Describes for the operator how much history is kept. */
export function describeRetention({ store, maxAge, maxEvents, maxBytes }: StoreFlags): string {
  const defaults = store === 'memory:' ? memoryDefaults : sqliteDefaults
  const count = maxEvents ?? defaults.maxEvents
  const bytes = maxBytes ?? defaults.maxBytes
  const bounds = [
    ...(count === Infinity ? [] : [`${count.toLocaleString('en')} events`]),
    sizeText(bytes),
    ...(maxAge === undefined ? [] : [`events of the last ${DurationOption.textOf(maxAge)}`]),
  ]
  const most = bounds.length > 1 ? `${bounds.slice(0, -1).join(', ')} or ${bounds.at(-1)}` : bounds[0]
  return `Keeps at most ${most}${bounds.length > 1 ? ', whichever comes first' : ''}.`
}

function parseCount(text: string): number {
  if (/^\d{1,15}$/.test(text) && Number(text) > 0) return Number(text)
  throw new HubError(
    'INVALID_OPTION',
    `--max-events ${text} is not a number of events. Write a whole number, 1 or more.`,
  )
}

/**
 * Parses a size such as `500MB` or `10GiB`, or a number of bytes. Throws `INVALID_OPTION` that
 * names the flag.
 */
export function parseBytes(text: string, flag: string): number {
  const match = /^(?<count>\d{1,12})(?<unit>B|[kKMGT]i?B)?$/.exec(text)
  const { count = '', unit = 'B' } = match?.groups ?? {}
  const bytes = Number(count) * (bytesOf[unit.toUpperCase()] ?? 0)
  if (match && bytes > 0) return bytes
  throw new HubError('INVALID_OPTION', `${flag} ${text} is not a size. Write a number and its unit: 500MB, 10GiB.`)
}

/** Formats a size for a sentence: `64 MiB`, or `1,500 bytes`. */
export function sizeText(bytes: number): string {
  const { count, unit } = /^(?<count>\d+)(?<unit>\w+)$/.exec(textOfBytes(bytes))!.groups!
  return `${Number(count).toLocaleString('en')} ${unit === 'B' ? 'bytes' : unit}`
}

/** Formats a size as a user would write it in a flag. */
export function textOfBytes(bytes: number): string {
  const [unit, size] = Object.entries(bytesOf).findLast(([, size]) => bytes % size === 0) ?? ['', 1]
  return `${bytes / size}${unit.replace('I', 'i')}`
}

const bytesOf: Record<string, number> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 1024,
  MIB: 1024 ** 2,
  GIB: 1024 ** 3,
  TIB: 1024 ** 4,
}
