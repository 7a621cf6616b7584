import { type Command, Option } from 'commander'
import type { Algorithm } from '../../auth/algorithms.ts'
import type { AuthOptions, RoleOptions } from '../../auth/auth-options.ts'
import { HubError } from '../../base/errors.ts'
import { hubPath } from '../../base/hub-path.ts'
import { parsePublicUrl } from '../../http/access/public-urls.ts'
import { TokenAuthorizer, type TokenAuthorizerOptions } from '../../http/access/token-authorizer.ts'
import { ListOption } from './option-types.ts'

/** The values of the flags of {@link addAuthFlags}. */
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
  'the URL of a JWK Set, file:PATH, a PEM public key, a JWK Set, or a shared secret; repeat it for several keys, for example while rotating them'

/** Adds the flags that say who may publish and subscribe. */
export function addAuthFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--publisher-key <key>', `key that verifies publishers' tokens: ${keyForms}`)
        .argParser(collect)
        .default([], 'nobody may publish'),
    )
    .addOption(
      new Option('--subscriber-key <key>', `key that verifies subscribers' tokens: one of the same`)
        .argParser(collect)
        .default([], 'no token is accepted'),
    )
    .addOption(
      new ListOption(
        '--key-alg <alg>',
        'algorithms that may sign tokens, such as HS256; required with a shared secret',
      ).default([], 'all that fit a public key'),
    )
    .addOption(
      new ListOption('--publisher-key-alg <alg>', "the same for publishers' tokens only").default([], '--key-alg'),
    )
    .addOption(
      new ListOption('--subscriber-key-alg <alg>', "the same for subscribers' tokens only").default([], '--key-alg'),
    )
    .option('--issuer <name>', 'issuer of the tokens: their exact "iss"')
    .addOption(
      new ListOption('--audience <url>', 'public URL of this hub: the "aud" of its tokens').default(
        [],
        '--public-urls',
      ),
    )
    .option('--anonymous', 'let everyone subscribe to public events, without a token')
    .option('--compat', 'also speak Mercure 0.x: topic=, URI templates, the old tokens and cookie')
    .addOption(
      new ListOption(
        '--publish-origins <origins>',
        "origins whose pages may publish with their visitor's cookie, such as https://example.com or https://*.example.com",
      ).default([], 'none'),
    )
    .option('--cookie <name>', 'name of the cookie with the token (default: __Secure-mercure_access_token)')
}

/**
 * Turns the flags into options of the authorizer. Leaves out options whose flags are not set.
 *
 * @throws HubError `INVALID_OPTION` if no flag says who may publish or subscribe
 */
function authOptionsOf(flags: AuthFlags): AuthOptions {
  const { publisherKey, subscriberKey, keyAlg, issuer, publishOrigins, cookie, dev = false } = flags
  const { anonymous = dev, compat = dev } = flags
  const audience = flags.audience.length > 0 ? flags.audience : flags.publicUrls.map(toHubUrl)
  if (!anonymous && publisherKey.length + subscriberKey.length === 0) {
    throw new HubError(
      'INVALID_OPTION',
      'Without --dev the hub needs to know who may publish and subscribe. Set --publisher-key, --subscriber-key (or --anonymous), --issuer and --audience, and with shared secrets also --key-alg HS256. Or run headwater serve --dev, which is open to this machine only.',
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

/** The audience of tokens is the hub's URL, not only its origin. */
function toHubUrl(publicUrl: string): string {
  const url = parsePublicUrl(publicUrl)
  return url.pathname === '/' ? `${url.origin}${hubPath}` : url.href
}

/** Describes for the operator who may publish and subscribe. */
export function describeAuth({ dev, publisherKey, subscriberKey, anonymous, issuer, compat = dev }: AuthFlags): string {
  if (dev) {
    const privately =
      subscriberKey.length > 0 ? 'sent to subscribers with a token' : 'stored, but sent to nobody without a token'
    return `--dev: anyone on this machine may publish and subscribe. Private events are ${privately}.`
  }
  const whose = issuer === undefined ? '' : ` from ${issuer}`
  const publishers =
    publisherKey.length > 0
      ? `clients with a token${whose} may publish`
      : 'nobody may publish: there is no --publisher-key'
  const subscribers = anonymous
    ? 'everyone may subscribe to public events'
    : `clients with a token${whose} may subscribe`
  return `${publishers}; ${subscribers}${compat ? '; the hub also speaks Mercure 0.x' : ''}.`
}

function roleOf(key: readonly string[], own: readonly string[], common: readonly string[]): RoleOptions {
  const algorithms = own.length > 0 ? own : common
  // The authorizer refuses what is not an algorithm.
  return { key, ...(algorithms.length > 0 && { algorithms: algorithms as Algorithm[] }) }
}

/**
 * Creates the authorizer that the flags describe. Throws as {@link TokenAuthorizer.create} does,
 * but names the flags.
 */
export async function openAuthorizer(flags: AuthFlags, options: TokenAuthorizerOptions): Promise<TokenAuthorizer> {
  return await namingFlags(TokenAuthorizer.create(authOptionsOf(flags), options))
}

/**
 * Applies the flags to an authorizer. Throws as {@link openAuthorizer} does, and then changes
 * nothing.
 */
export async function reloadAuthorizer(authorizer: TokenAuthorizer, flags: AuthFlags): Promise<void> {
  await namingFlags(authorizer.reload(authOptionsOf(flags)))
}

async function namingFlags<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    throw new HubError(error.code, byFlag(error.message), { cause: error })
  }
}

/** Replaces the name of an option at the start of a message with the name of its flag. */
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
