import { type Command, Option } from 'commander'
import { HubError } from '../../base/errors.ts'
import { defaultLimits, type Limits } from '../../http/access/limits.ts'
import { parseBytes, sizeText, textOfBytes } from './store-flags.ts'

/** Adds the flags that limit what clients may use. */
export function addLimitFlags(command: Command): Command {
  return command
    .addOption(limit('maxSubscribers', 'event streams open at once; more get 503'))
    .addOption(limit('maxSubscribersPerAddress', 'event streams open at once from one address; more get 429'))
    .addOption(
      limit(
        'maxSubscribersPerToken',
        'event streams open at once with tokens of one holder (iss and sub); more get 429',
      ),
    )
    .addOption(limit('maxConnections', 'connections open at once, including silent ones; more get 503'))
    .addOption(limit('maxConnectionsPerAddress', 'connections open at once from one address; more get 429'))
    .addOption(
      limit('maxPublishRate', 'events per second from one address; more get 429; streams of lines are slowed down'),
    )
    .addOption(
      limit('maxPresenceRate', 'matchers per second that --subscriptions tells of, from one address; more get 429'),
    )
    .addOption(
      new Option(
        '--max-unsent-bytes <size>',
        'memory for subscribers that do not read, all together; beyond it the slowest are cut off, and can resume',
      )
        .argParser((text) => parseBytes(text, '--max-unsent-bytes'))
        .default(defaultLimits.maxUnsentBytes, textOfBytes(defaultLimits.maxUnsentBytes)),
    )
    .addOption(
      new Option(
        '--max-body-bytes <size>',
        'largest body, and longest line of a stream of lines; a larger one gets 413',
      )
        .argParser((text) => parseBytes(text, '--max-body-bytes'))
        .default(defaultLimits.maxBodyBytes, textOfBytes(defaultLimits.maxBodyBytes)),
    )
    .addOption(limit('maxMatchers', 'matchers of one subscription; more get 400'))
    .addOption(limit('maxTopics', 'topics of one event, at most 1,000; more get 413'))
}

/** Picks the limits from the flags. */
export function limitsOf(flags: Limits): Limits {
  const names = Object.keys(defaultLimits) as (keyof Limits)[]
  return Object.fromEntries(names.map((name) => [name, flags[name]])) as unknown as Limits
}

/** Describes the limits for the operator, on one line. */
export function describeLimits(limits: Limits): string {
  const { maxSubscribers, maxSubscribersPerAddress, maxSubscribersPerToken, maxConnections } = limits
  const text = (count: number) => count.toLocaleString('en')
  return (
    `at most ${text(maxSubscribers)} event streams (${text(maxSubscribersPerAddress)} per address, ` +
    `${text(maxSubscribersPerToken)} per token), ${text(maxConnections)} connections ` +
    `(${text(limits.maxConnectionsPerAddress)} per address), ${text(limits.maxPublishRate)} events per second per address, ` +
    `${text(limits.maxPresenceRate)} matchers per second per address with --subscriptions, ` +
    `${sizeText(limits.maxUnsentBytes)} unsent, ${sizeText(limits.maxBodyBytes)} per body, ${text(limits.maxMatchers)} matchers per subscription, ` +
    `${text(limits.maxTopics)} topics per event.`
  )
}

function limit(key: keyof Limits, description: string): Option {
  const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
  return new Option(`${flag} <count>`, description).default(defaultLimits[key]).argParser((text) => {
    if (/^\d{1,9}$/.test(text) && Number(text) > 0) return Number(text)
    throw new HubError('INVALID_OPTION', `${flag} ${text} is not a limit. Write a whole number, 1 or more.`)
  })
}
