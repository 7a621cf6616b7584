import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { HubError } from '../../base/errors.ts'
import { createMemoryStore, memoryDefaults } from '../../store/memory.ts'
import { openSqliteStore, type SqliteStoreOptions, sqliteDefaults } from '../../store/sqlite.ts'
import type { EventStore } from '../../store/store.ts'
import { DurationOption } from './option-types.ts'

/** What the flags of {@link addStoreFlags} were given. */
export interface StoreFlags {
  readonly store: string
  readonly durability: 'full' | 'fast'
  readonly maxAge?: number
  readonly maxEvents?: number
  readonly maxBytes?: number
}

/** Gives a command the flags that say where events are kept, and for how long. */
export function addStoreFlags(command: Command): Command {
  return command
    .option(
      '--store <url>',
      'where events are kept: file:DIRECTORY, which is made if it is not there, or memory:, which forgets them when the hub ends',
      'file:./headwater-data',
    )
    .addOption(
      new Option(
        '--durability <level>',
        'what an event has survived when its publisher gets the answer: "full", a power loss; "fast", only the end of this process, and a power loss may take the last moments\' events',
      )
        .choices(['full', 'fast'])
        .default(sqliteDefaults.durability),
    )
    .addOption(
      new DurationOption(
        '--max-age <time>',
        'drop events older than this, such as 12h or 30d; default: none is too old',
      ),
    )
    .option(
      '--max-events <count>',
      `keep at most so many events; default: no limit, in memory ${memoryDefaults.maxEvents}`,
      parseCount,
    )
    .option(
      '--max-bytes <size>',
      `keep at most so much, such as 500MB or 10GiB; default: ${textOfBytes(sqliteDefaults.maxBytes)}, in memory ${textOfBytes(memoryDefaults.maxBytes)}`,
      (text) => parseBytes(text, '--max-bytes'),
    )
}

/** Opens the store that the flags ask for. `onError` gets what goes wrong later without anybody to reject to. */
export async function openStore(
  flags: StoreFlags,
  listeners: Pick<SqliteStoreOptions, 'onError' | 'onUncleanStop'>,
): Promise<EventStore> {
  const { store: url, durability, maxAge, maxEvents, maxBytes } = flags
  const retention = { maxAgeMs: maxAge === undefined ? undefined : maxAge * 1000, maxEvents, maxBytes }
  if (url === 'memory:') return createMemoryStore(retention)
  const directory = directoryOf(url)
  if (directory !== undefined)
    return await openSqliteStore({ directory: resolve(directory), durability, ...listeners, ...retention })
  throw new HubError(
    'INVALID_OPTION',
    `--store ${url} is no place for events. Write file:DIRECTORY, such as file:./headwater-data, or memory:.`,
  )
}

/** The directory that a `--store` names; `undefined` if it names none. */
export function directoryOf(url: string): string | undefined {
  return /^file:(?!\/\/)(?<path>.+)$/.exec(url)?.groups?.path ?? /^file:\/\/(?<path>\/.+)$/.exec(url)?.groups?.path
}

/** Says where events are, and what that survives, for the operator. */
export function describeStore({ store, durability }: StoreFlags): string {
  if (store === 'memory:') return 'events are kept in memory only, and gone when this process ends.'
  const where = `events are kept in ${store.replace(/^file:/, '')}`
  if (durability === 'full') return `${where}.`
  return `${where}. With --durability fast, a power loss may take those of the last moments though publishers were told that they are kept.`
}

/** Says for how long events are kept, for the operator. */
export function describeRetention({ store, maxAge, maxEvents, maxBytes }: StoreFlags): string {
  const defaults = store === 'memory:' ? memoryDefaults : sqliteDefaults
  const count = maxEvents ?? defaults.maxEvents
  const bytes = maxBytes ?? defaults.maxBytes
  const age = maxAge === undefined ? '' : `, none older than ${DurationOption.textOf(maxAge)}`
  return `At most ${count === Infinity ? '' : `${count} events of `}${bytes} bytes are kept${age}.`
}

function parseCount(text: string): number {
  if (/^\d{1,15}$/.test(text) && Number(text) > 0) return Number(text)
  throw new HubError('INVALID_OPTION', `--max-events ${text} is no number of events. Write a whole number from 1 up.`)
}

/** Reads a size such as `500MB` or `10GiB`, or a number of bytes. Throws `INVALID_OPTION`, naming the flag. */
export function parseBytes(text: string, flag: string): number {
  const match = /^(?<count>\d{1,12})(?<unit>B|[kKMGT]i?B)?$/.exec(text)
  const { count = '', unit = 'B' } = match?.groups ?? {}
  const bytes = Number(count) * (bytesOf[unit.toUpperCase()] ?? 0)
  if (match && bytes > 0) return bytes
  throw new HubError('INVALID_OPTION', `${flag} ${text} is no size. Write a number and its unit: 500MB, 10GiB.`)
}

/** Says a size as one would write it. */
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
