import { readFile } from 'node:fs/promises'
import { type Command, Option } from 'commander'
import { HubError } from '../../base/errors.ts'
import { isLoopbackHost } from '../../http/access/client-address.ts'
import { directoryOf } from '../../store/open.ts'
import type { EventStore } from '../../store/store.ts'
import { UpstreamError } from '../../store/upstream/upstream-error.ts'
import { parseUpstreamUrl, shownUrl } from '../../store/upstream/upstream-url.ts'
import { openUpstreamStore, type UpstreamStoreOptions } from '../../store/upstream.ts'
import type { StoreFlags } from './store-flags.ts'

/** The values of the flags of {@link addUpstreamFlags}. */
export interface UpstreamFlags extends StoreFlags {
  readonly upstream?: string
  readonly upstreamToken?: string
  readonly upstreamTokenFile?: string
  readonly upstreamPublish: 'pass' | 'refuse'
  readonly subscriptions?: true
}

/** Adds the flags of a hub at the edge. */
export function addUpstreamFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--upstream <url>',
        'copy the history of another hub, such as https://hub.example.com, and serve subscribers from the copy, which is kept below the directory of --store',
      ).argParser((text) => namingFlag(() => shownUrl(parseUpstreamUrl(text)))),
    )
    .option(
      '--upstream-token <token>',
      'token for the hub upstream, with the action replicate; everyone on the machine can read it on the command line',
    )
    .option('--upstream-token-file <file>', 'file with that token, read again for each request')
    .addOption(
      new Option(
        '--upstream-publish <how>',
        'what happens to events published here: pass them on to the hub upstream, or refuse them',
      )
        .choices(['pass', 'refuse'])
        .default('pass'),
    )
}

/**
 * Opens the copy that the flags describe; `undefined` without `--upstream`.
 *
 * @throws HubError `INVALID_OPTION` for flags that do not go with `--upstream`; as `openUpstreamStore`
 */
export async function openUpstream(
  flags: UpstreamFlags,
  listeners: Pick<UpstreamStoreOptions, 'onError' | 'onConnection'>,
): Promise<EventStore | undefined> {
  const { upstream, upstreamToken, upstreamTokenFile, upstreamPublish, subscriptions } = flags
  if (upstream === undefined) {
    if (upstreamToken === undefined && upstreamTokenFile === undefined) return undefined
    throw new HubError('INVALID_OPTION', '--upstream-token is for a hub at the edge. Add --upstream, or remove it.')
  }
  assertFit(flags)
  return await namingFlag(async () => {
    const store = await openUpstreamStore({
      url: upstream,
      token: upstreamTokenFile === undefined ? upstreamToken : () => readToken(upstreamTokenFile),
      directory: directoryOf(flags.store),
      passesPublishes: upstreamPublish === 'pass',
      ...listeners,
    })
    if (subscriptions) await assertTakesReports(store)
    return store
  })
}

/** What the operator should think about; `undefined` for nothing. */
export function warningOf({ upstream, upstreamToken, upstreamTokenFile }: UpstreamFlags): string | undefined {
  if (upstream === undefined || (upstreamToken ?? upstreamTokenFile) === undefined) return undefined
  const { protocol, host } = new URL(upstream)
  if (protocol === 'https:' || isLoopbackHost(host)) return undefined
  return `--upstream ${upstream}: the token and all events, private ones included, go there unencrypted. Use https:.`
}

/** Describes for the operator where events come from. */
export function describeUpstream({ upstream, store, upstreamPublish }: UpstreamFlags): string {
  const publishes = upstreamPublish === 'pass' ? 'Passes on' : 'Refuses'
  return `events are copied from ${upstream} into ${directoryOf(store)}. ${publishes} what is published here.`
}

function assertFit({ store, maxAge, maxEvents, maxBytes, ...flags }: UpstreamFlags): void {
  if (directoryOf(store) === undefined) {
    throw new HubError(
      'INVALID_OPTION',
      `--store ${store.replace(/:.*/s, ':')}… is not a directory, and --upstream needs one for its copy. Use --store file:DIRECTORY.`,
    )
  }
  if ((maxAge ?? maxEvents ?? maxBytes) !== undefined) {
    throw new HubError(
      'INVALID_OPTION',
      '--max-age, --max-events and --max-bytes do not go with --upstream: the hub upstream decides what is kept. Remove them.',
    )
  }
  if (flags.upstreamToken !== undefined && flags.upstreamTokenFile !== undefined) {
    throw new HubError('INVALID_OPTION', '--upstream-token and --upstream-token-file are both set. Remove one of them.')
  }
}

/** Who is subscribed is for the whole tree to know: a hub upstream without `--subscriptions` takes no reports. */
async function assertTakesReports(store: EventStore): Promise<void> {
  try {
    await store.nodes!.alive()
  } catch (error) {
    if (!(error instanceof UpstreamError) || error.trouble !== 'refused') return
    await store.close()
    throw new HubError('HUB_REFUSED', `--subscriptions: ${error.message}`, { cause: error })
  }
}

async function readToken(path: string): Promise<string> {
  const text = (await readFile(path, 'utf8')).trim()
  // It goes into a header. The error does not show it.
  if (/^[\w.~+/-]+=*$/.test(text)) return text
  throw new HubError('INVALID_OPTION', `${path} does not contain a token.`)
}

function namingFlag<T>(work: () => T): T {
  const rename = (error: unknown) =>
    error instanceof HubError && error.code === 'INVALID_OPTION'
      ? new HubError(error.code, `--upstream: ${error.message}`, { cause: error })
      : error
  try {
    const result = work()
    if (!(result instanceof Promise)) return result
    return result.catch((error: unknown) => {
      throw rename(error)
    }) as T
  } catch (error) {
    throw rename(error)
  }
}
