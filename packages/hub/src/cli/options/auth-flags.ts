import { type Command, Option } from 'commander'
import type { Algorithm } from '../../auth/algorithms.ts'
import type { AuthOptions, RoleOptions } from '../../auth/auth-options.ts'
import { HubError } from '../../base/errors.ts'
import { hubPath } from '../../base/hub-path.ts'
import { parsePublicUrl } from '../../http/access/public-urls.ts'
import { TokenAuthorizer, type TokenAuthorizerOptions } from '../../http/access/token-authorizer.ts'
import { ListOption } from './option-types.ts'

/** What the flags of {@link addAuthFlags} were given. */
export interface AuthFlags {
  readonly dev?: true | undefined
  readonly publisherKey: string[]
  readonly subscriberKey: string[]
  readonly keyAlg: string[]
  readonly publisherKeyAlg: string[]
  readonly subscriberKeyAlg: string[]
  readonly issuer?: string
  readonly audience: string[]
  readonly publicUrls: string[]
  readonly publishOrigins: string[]
  readonly cookie?: string
  readonly anonymous?: true
  readonly compat?: true
}

const keyForms =
  'the URL of a JWK Set, file:PATH, a PEM public key, a JWK Set, or a shared secret; again for several, while one replaces another'

/** Gives a command the flags that say who may publish and subscribe. */
export function addAuthFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--publisher-key <key>', `what publishers' tokens are verified with: ${keyForms}`)
        .argParser(collect)
        .default([], 'nobody may publish'),
    )
    .addOption(
      new Option('--subscriber-key <key>', `what subscribers' tokens are verified with: one of the same`)
        .argParser(collect)
        .default([], 'nobody has a token'),
    )
    .addOption(
      new ListOption('--key-alg <alg>', 'how tokens may be signed, such as HS256, which a shared secret needs').default(
        [],
        'all that fit a public key',
      ),
    )
    .addOption(
      new ListOption('--publisher-key-alg <alg>', "the same for publishers' tokens alone").default([], '--key-alg'),
    )
    .addOption(
      new ListOption('--subscriber-key-alg <alg>', "the same for subscribers' tokens alone").default([], '--key-alg'),
    )
    .option('--issuer <name>', 'who makes the tokens: what they have as their "iss", to the letter')
    .addOption(
      new ListOption('--audience <url>', 'the public URL of this hub: what tokens have as their "aud"').default(
        [],
        '--public-urls',
      ),
    )
    .option('--anonymous', 'let everybody subscribe to what is public, without a token')
    .option('--compat', 'speak Mercure of before 1.0, too: topic=, URI templates, the old tokens and cookie')
    .addOption(
      new ListOption(
        '--publish-origins <origins>',
        'origins whose pages may publish with the cookie of whoever opens them, such as https://example.com or https://*.example.com',
      ).default([], 'none'),
    )
    .option('--cookie <name>', 'the cookie with the token (default: __Secure-mercure_access_token)')
}

/**
 * What the flags say about who may publish and subscribe. Those left out are left out.
 *
 * @throws HubError `INVALID_OPTION` if they say nothing at all
 */
function authOptionsOf(flags: AuthFlags): AuthOptions {
  const { publisherKey, subscriberKey, keyAlg, issuer, publishOrigins, cookie, dev = false } = flags
  const { anonymous = dev, compat = dev } = flags
  const audience = flags.audience.length > 0 ? flags.audience : flags.publicUrls.map(toHubUrl)
  if (!anonymous && publisherKey.length + subscriberKey.length === 0) {
    throw new HubError(
      'INVALID_OPTION',
      'Without --dev a hub has to know who may publish and subscribe. Give --publisher-key, --subscriber-key (or --anonymous), --issuer and --audience; with shared secrets --key-alg HS256, too. Or run headwater serve --dev, which is open to this machine only.',
    )
  }
  return {
    ...(publisherKey.length > 0 && { publisher: roleOf(publisherKey, flags.publisherKeyAlg, keyAlg) }),
    ...(subscriberKey.length > 0 && { subscriber: roleOf(subscriberKey, flags.subscriberKeyAlg, keyAlg) }),
    ...(issuer !== undefined && { issuer }),
    ...(audience.length > 0 && { audience }),
    ...(publishOrigins.length > 0 && { publishOrigins }),
    ...(cookie !== undefined && { cookie }),
    anonymousSubscribers: anonymous,
    anonymousPublishers: dev,
    compat,
  }
}

/** What tokens are for is not the origin alone. */
function toHubUrl(publicUrl: string): string {
  const url = parsePublicUrl(publicUrl)
  return url.pathname === '/' ? `${url.origin}${hubPath}` : url.href
}

/** Says who may publish and subscribe, for the operator. */
export function describeAuth({ dev, publisherKey, subscriberKey, anonymous, issuer, compat = dev }: AuthFlags): string {
  if (dev) {
    const privately =
      subscriberKey.length > 0 ? 'for who has a token' : 'kept, but nobody may have them without a token'
    return `--dev: anyone on this machine may publish and subscribe. Private events are ${privately}.`
  }
  const whose = issuer === undefined ? '' : ` of ${issuer}`
  const publishers =
    publisherKey.length > 0 ? `who has a token${whose} may publish` : 'nobody may publish: there is no --publisher-key'
  const subscribers = anonymous ? 'everybody may subscribe to what is public' : `who has a token${whose} may subscribe`
  return `${publishers}; ${subscribers}${compat ? '; Mercure of before 1.0 is spoken, too' : ''}.`
}

function roleOf(key: readonly string[], own: readonly string[], common: readonly string[]): RoleOptions {
  const algorithms = own.length > 0 ? own : common
  // What is no algorithm is refused as such.
  return { key, ...(algorithms.length > 0 && { algorithms: algorithms as Algorithm[] }) }
}

/** Makes the gate that the flags describe. Throws as {@link TokenAuthorizer.create} does, but by the names of the flags. */
export async function openAuthorizer(flags: AuthFlags, options: TokenAuthorizerOptions): Promise<TokenAuthorizer> {
  return await namingFlags(TokenAuthorizer.create(authOptionsOf(flags), options))
}

/** Makes a gate go by what the flags say now. Throws as {@link openAuthorizer} does, and then nothing has changed. */
export async function reloadAuthorizer(gate: TokenAuthorizer, flags: AuthFlags): Promise<void> {
  await namingFlags(gate.reload(authOptionsOf(flags)))
}

async function namingFlags<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    throw new HubError(error.code, byFlag(error.message), { cause: error })
  }
}

/** A message that begins with the name of an option, with that of the flag in its place. */
function byFlag(message: string): string {
  for (const [option, flag] of flagOf) {
    if (message.startsWith(option)) return `${flag}${message.slice(option.length).replace(` (${flag})`, '')}`
  }
  return message
}

const flagOf = [
  ['publisher.key', '--publisher-key'],
  ['subscriber.key', '--subscriber-key'],
  ['publisher.algorithms', '--key-alg'],
  ['subscriber.algorithms', '--key-alg'],
  ['issuer', '--issuer'],
  ['audience', '--audience'],
  ['publishOrigins', '--publish-origins'],
  ['cookie', '--cookie'],
] as const

function collect(text: string, before: readonly string[]): string[] {
  return [...before, text]
}
