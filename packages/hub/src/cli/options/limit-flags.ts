import { type Command, Option } from 'commander'
import { HubError } from '../../base/errors.ts'
import { defaultLimits, type Limits } from '../../http/access/limits.ts'
import { parseBytes, textOfBytes } from './store-flags.ts'

/** Gives a command the flags that say what clients may take. */
export function addLimitFlags(command: Command): Command {
  return command
    .addOption(limit('maxSubscribers', 'event streams open at once; more are answered 503'))
    .addOption(limit('maxSubscribersPerAddress', 'event streams open at once from one address; more are answered 429'))
    .addOption(
      limit(
        'maxSubscribersPerToken',
        'event streams open at once with the tokens of one holder (iss and sub); more are answered 429',
      ),
    )
    .addOption(
      limit('maxConnections', 'connections open at once, those that are silent included; more are answered 503'),
    )
    .addOption(limit('maxConnectionsPerAddress', 'connections open at once from one address; more are answered 429'))
    .addOption(
      limit(
        'maxPublishRate',
        'events per second from one address; more are answered 429, and streams of lines are slowed down',
      ),
    )
    .addOption(
      new Option(
        '--max-body-bytes <size>',
        'the largest body, and the longest line of a stream of lines; a larger one is answered 413',
      )
        .argParser((text) => parseBytes(text, '--max-body-bytes'))
        .default(defaultLimits.maxBodyBytes, textOfBytes(defaultLimits.maxBodyBytes)),
    )
    .addOption(limit('maxMatchers', 'matchers of one subscription; more are answered 400'))
    .addOption(limit('maxTopics', 'topics of one event, at most 1000; more are answered 413'))
}

/** Of all that flags say, the limits. */
export function limitsOf(flags: Limits): Limits {
  const names = Object.keys(defaultLimits) as (keyof Limits)[]
  return Object.fromEntries(names.map((name) => [name, flags[name]])) as unknown as Limits
}

/** Says them in a line, for the operator. */
export function describeLimits(limits: Limits): string {
  const { maxSubscribers, maxSubscribersPerAddress, maxSubscribersPerToken, maxConnections } = limits
  return (
    `at most ${maxSubscribers} event streams (${maxSubscribersPerAddress} of an address, ${maxSubscribersPerToken} of a token), ` +
    `${maxConnections} connections (${limits.maxConnectionsPerAddress} of an address), ${limits.maxPublishRate} events per second of an ` +
    `address, bodies of ${limits.maxBodyBytes} bytes, ${limits.maxMatchers} matchers and ${limits.maxTopics} topics.`
  )
}

function limit(key: keyof Limits, description: string): Option {
  const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  return new Option(`${flag} <count>`, description).default(defaultLimits[key]).argParser((text) => {
    if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text)
    throw new HubError('INVALID_OPTION', `${flag} ${text} is no limit. Write a whole number from 1 up.`)
  })
}
