import { Command, Option } from 'commander'
import { isAlgorithm } from '../auth/algorithms.ts'
import { readTextOfKey } from '../auth/configured-key.ts'
import { mintToken, parseTopicGrant, type TopicGrant } from '../auth/mint-token.ts'
import { HubError } from '../base/errors.ts'
import { usesHubConfiguration } from './options/configuration.ts'
import { DurationOption } from './options/option-types.ts'

interface TokenOptions {
  key: string
  keyAlg: string
  issuer?: string
  audience?: string
  publish: TopicGrant[]
  subscribe: TopicGrant[]
  replicate?: true
  observe?: true
  trim?: true
  payload?: unknown
  subject?: string
  kid?: string
  expires: number
  compat?: true
}

export function tokenCommand(): Command {
  const command = new Command('token')
    .summary('make a token for development')
    .description(
      `Makes a token and prints it. Without --dev, a hub needs a token to let a client publish, receive private events, or, without --anonymous, subscribe at all. Use the same --issuer, --audience and --key-alg as for the hub.

TOPICS is one of:
  https://example.com/books/1     this topic
  urlpattern:https://…/books/:id  those that a URL pattern matches
  '*'                             all topics

In production, let your application or your authorization server make the tokens: one for each user, narrow, and valid for minutes.`,
    )
    .addOption(
      new Option(
        '--key <key>',
        'key that signs the token: the shared secret, a PEM private key, or file:PATH of one of them',
      )
        .env('HEADWATER_TOKEN_KEY')
        .makeOptionMandatory(),
    )
    .option(
      '--key-alg <alg>',
      'signature algorithm: HS256 with a shared secret; ES256, RS256, EdDSA … with a private key',
      'HS256',
    )
    .option('--kid <name>', 'name of the key, if the hub has a key set')
    .option('--issuer <name>', 'issuer of the token: the --issuer of the hub')
    .option('--audience <url>', 'audience of the token: the --audience of the hub')
    .addOption(grantOption('--publish <topics>', 'topics that the client may publish to; repeat it for more'))
    .addOption(
      grantOption(
        '--subscribe <topics>',
        'topics whose private events the client may also receive; repeat it for more',
      ),
    )
    .option('--replicate', 'let a hub at the edge copy the whole history, private events included (serve --upstream)')
    .option('--observe', 'let a person look at the whole hub on its page: figures, subscribers, topics and history')
    .option('--trim', 'let the holder drop the oldest events, for everyone and for good (headwater history trim)')
    .option('--payload <json>', 'what others may read about the subscriber, as JSON', parsePayload)
    .option('--subject <name>', 'subject of the token (default: development)')
    .addOption(new DurationOption('--expires <time>', 'lifetime of the token: 90s, 15m, 1h, 7d').default(3600, '1h'))
    .option(
      '--compat',
      'make a token of Mercure 0.x (a "mercure" claim), for a hub with --compat; template:… in place of urlpattern:…',
    )
    .addHelpText(
      'after',
      `
Examples:
  export HEADWATER_TOKEN_KEY='a secret of at least 32 characters'
  headwater token --issuer https://example.com --audience http://127.0.0.1:3000/.well-known/mercure --publish '*' --subscribe '*'
  headwater token --key file:private.pem --key-alg ES256 --issuer https://example.com --audience https://hub.example.com/.well-known/mercure --subscribe 'urlpattern:https://example.com/users/42/*' --expires 5m
  headwater token --compat --publish '*'
  For the page of the hub at /, with the private events of every topic, and publishing:
    headwater token --issuer https://example.com --audience https://hub.example.com/.well-known/mercure --observe --subscribe '*' --publish '*' --expires 8h
  For a hub at the edge that also passes publishes on:
    headwater token --issuer https://example.com --audience https://hub.example.com/.well-known/mercure --replicate --publish '*' --expires 90d > edge.token

Use it:
  headwater publish -t log --token "$(headwater token …)" 'hello'
  curl -H "Authorization: Bearer $(headwater token …)" -d topic=log -d data=hello http://127.0.0.1:3000/.well-known/mercure`,
    )
    .action(token)
  return usesHubConfiguration(command, ['issuer', 'audience', 'keyAlg', 'compat'])
}

async function token(options: TokenOptions): Promise<void> {
  const { keyAlg, publish, subscribe, replicate, observe, trim, expires } = options
  if (!isAlgorithm(keyAlg)) {
    throw new HubError(
      'INVALID_OPTION',
      `--key-alg ${keyAlg} is not an algorithm for tokens. Use HS256 with a shared secret.`,
    )
  }
  if (publish.length + subscribe.length === 0 && !replicate && !observe && !trim) {
    throw new HubError(
      'INVALID_OPTION',
      "A token that grants nothing is useless. Add --publish or --subscribe, '*' for all topics.",
    )
  }
  const text = await mintToken({
    key: await readTextOfKey(options.key, '--key'),
    algorithm: keyAlg,
    kid: options.kid,
    dialect: options.compat ? '0.x' : '1.0',
    issuer: options.issuer,
    audience: options.audience,
    publish,
    subscribe,
    replicate,
    observe,
    trim,
    payload: options.payload,
    subject: options.subject,
    lifetimeSeconds: expires,
  })
  console.log(text)
}

function grantOption(flags: string, description: string): Option {
  const name = flags.split(' ')[0]!
  return new Option(flags, description)
    .argParser((text: string, before: readonly TopicGrant[]) => [...before, parseTopicGrant(text, name)])
    .default([], 'none')
}

function parsePayload(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new HubError('INVALID_OPTION', `--payload is not JSON. Write it as '{"name":"Ada"}'.`, { cause: error })
  }
}
