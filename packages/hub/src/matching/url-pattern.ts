import { HubError } from '../base/errors.ts'
import type { Work } from './automaton.ts'
import {
  canonicalHash,
  canonicalHostname,
  canonicalIpv6Hostname,
  canonicalOpaquePathname,
  canonicalPassword,
  canonicalPathname,
  canonicalPort,
  canonicalProtocol,
  canonicalSearch,
  canonicalUsername,
} from './canonical-text.ts'
import { type PatternStrings, parseConstructorString, type UrlComponent, urlComponents } from './constructor-string.ts'
import { languageKey } from './language.ts'
import { type PatternOptions, parsePatternString } from './pattern-string.ts'
import { TextMatcher } from './text-matcher.ts'
import type { Topic, UrlParts } from './topic.ts'

/**
 * A URL pattern relative to the hub's URL. Gives the same result as
 * `new URLPattern(pattern, base).test(topic, base)`, in time linear in the length of the topic,
 * whatever the pattern. Custom regular expressions in groups are limited to those that
 * {@link parseGroupRegExp} accepts.
 */
export class UrlPattern {
  readonly base: string
  /** The same for patterns that match the same by the same rules, whatever their text. */
  readonly key: string
  /**
   * The required protocol, host and port, as {@link originOf} formats them; `undefined` if several
   * match.
   */
  readonly origin: string | undefined
  /** The prefix of every matching pathname. */
  readonly pathnamePrefix: string
  /** The most steps that a character of a topic costs. */
  readonly cost: number
  /** The matchers of the components, those first that differ quickly. */
  readonly #matchers: readonly (readonly [UrlComponent, TextMatcher])[]

  /**
   * @param base the hub's URL
   * @throws HubError `INVALID_MATCHER`
   */
  constructor(pattern: string, base: string) {
    const strings = resolve(parseConstructorString(pattern, isSpecialProtocol), base)
    const protocol = compile(strings.protocol, plain(canonicalProtocol))
    const hostname = isIpv6(strings.hostname) ? canonicalIpv6Hostname : canonicalHostname
    const compiled = {
      protocol,
      username: compile(strings.username, plain(canonicalUsername)),
      password: compile(strings.password, plain(canonicalPassword)),
      hostname: compile(strings.hostname, { delimiter: '.', prefix: '', canonicalize: hostname }),
      port: compile(strings.port, plain(canonicalPort)),
      pathname: compile(
        strings.pathname,
        matchesSpecial(protocol.matcher) ? hierarchical : plain(canonicalOpaquePathname),
      ),
      search: compile(strings.search, plain(canonicalSearch)),
      hash: compile(strings.hash, plain(canonicalHash)),
    }
    this.base = base
    this.key = JSON.stringify([base, ...urlComponents.map((component) => compiled[component].key)])
    this.pathnamePrefix = compiled.pathname.matcher.prefix
    const { only: onlyProtocol } = compiled.protocol.matcher
    const { only: onlyHostname } = compiled.hostname.matcher
    const { only: onlyPort } = compiled.port.matcher
    const isOneOrigin = onlyProtocol !== undefined && onlyHostname !== undefined && onlyPort !== undefined
    this.origin = isOneOrigin ? originOf({ protocol: onlyProtocol, hostname: onlyHostname, port: onlyPort }) : undefined
    // Each character is in only one component.
    this.cost = Math.max(...urlComponents.map((component) => compiled[component].matcher.cost))
    this.#matchers = urlComponents
      .map((component) => [component, compiled[component].matcher] as const)
      .filter(([, matcher]) => !matcher.isAny)
      .sort(([, a], [, b]) => Number(b.only !== undefined) - Number(a.only !== undefined))
  }

  matches(topic: Topic, work?: Work): boolean {
    const url = topic.relativeTo(this.base)
    return url !== undefined && this.#matchers.every(([component, matcher]) => matcher.matches(url[component], work))
  }
}

/** Formats protocol, host and port of a URL as one text, for an index. */
export function originOf({ protocol, hostname, port }: Pick<UrlParts, 'protocol' | 'hostname' | 'port'>): string {
  return `${protocol}://${hostname}:${port}`
}

/**
 * [URL Pattern 3.2, process a URLPatternInit] and [1.4, create]: missing components come from the
 * base URL, or match anything.
 */
function resolve(given: PatternStrings, base: string): Required<PatternStrings> {
  const url = URL.parse(base)
  if (!url)
    throw new HubError('INVALID_OPTION', `The hub's URL ${JSON.stringify(base)} is not a URL. Pass an absolute URL.`)
  const result = { ...given }
  // Each component is inherited unless the pattern sets it or one before it.
  const inherited = [
    ['protocol', url.protocol.slice(0, -1)],
    ['hostname', url.hostname],
    ['port', url.port],
    ['pathname', url.pathname],
    ['search', url.search.slice(1)],
    ['hash', url.hash.slice(1)],
  ] as const
  for (const [component, value] of inherited) {
    if (given[component] !== undefined) break
    result[component] = escapePattern(value)
  }
  if (given.pathname !== undefined && !isAbsolute(given.pathname)) {
    const directory = escapePattern(url.pathname.slice(0, url.pathname.lastIndexOf('/') + 1))
    result.pathname = directory + given.pathname
  }
  if (given.search !== undefined) result.search = given.search.replace(/^\?/, '')
  if (given.hash !== undefined) result.hash = given.hash.replace(/^#/, '')
  const strings = Object.fromEntries(urlComponents.map((component) => [component, result[component] ?? '*']))
  const { protocol, port } = strings
  if (defaultPorts.get(protocol!) === port) strings.port = ''
  return strings as Required<PatternStrings>
}

/** [is an absolute pathname] */
function isAbsolute(pathname: string): boolean {
  return /^[\\{]?\//.test(pathname)
}

/** [hostname pattern is an IPv6 address] */
function isIpv6(hostname: string): boolean {
  return hostname.length >= 2 && /^[\\{]?\[/.test(hostname)
}

/** [escape a pattern string] */
function escapePattern(text: string): string {
  return text.replace(/[+*?:{}()\\]/g, '\\$&')
}

const defaultPorts: ReadonlyMap<string, string> = new Map([
  ['http', '80'],
  ['https', '443'],
  ['ws', '80'],
  ['wss', '443'],
  ['ftp', '21'],
])

const hierarchical: PatternOptions = { delimiter: '/', prefix: '/', canonicalize: canonicalPathname }

function plain(canonicalize: (text: string) => string): PatternOptions {
  return { delimiter: '', prefix: '', canonicalize }
}

function isSpecialProtocol(pattern: string): boolean {
  return matchesSpecial(compile(pattern, plain(canonicalProtocol)).matcher)
}

/** [protocol component matches a special scheme] */
function matchesSpecial(protocol: TextMatcher): boolean {
  return ['ftp', 'file', 'http', 'https', 'ws', 'wss'].some((scheme) => protocol.matches(scheme))
}

function compile(pattern: string, options: PatternOptions): { key: string; matcher: TextMatcher } {
  const language = parsePatternString(pattern, options)
  return { key: languageKey(language), matcher: new TextMatcher(language) }
}
