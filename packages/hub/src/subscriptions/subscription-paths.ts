/** What the path of a subscription is made of. */
interface NamedSubscription {
  readonly matchType: string
  readonly match: string
  readonly subscriber: string
}

/** [Mercure] The paths of subscriptions, which are also the topics of their events. */
export class SubscriptionPaths {
  /** The path of the hub. */
  readonly hub: string
  /** The path of the list. Each subscription has a path below it. */
  readonly list: string
  /**
   * An alternate topic of all subscription events, so that an index finds them in the history, and
   * one exact matcher selects them all. A template of Mercure 0.x whose variables may be missing
   * (`subscriptions{/topic}{/subscriber}`) does not match it.
   */
  readonly events: string

  constructor(hub: string) {
    this.hub = hub
    this.list = `${hub}/subscriptions`
    this.events = `${this.list}?events`
  }

  /** Whether a path belongs to the subscriptions API. */
  has(path: string): boolean {
    return path === this.list || path.startsWith(`${this.list}/`)
  }

  /** The path of a subscription: its name, and the topic of its events. */
  of({ matchType, match, subscriber }: NamedSubscription): string {
    return `${this.ofMatcher(matchType, match)}/${encodeVariable(subscriber)}`
  }

  /** The path of all subscriptions with one matcher. */
  ofMatcher(matchType: string, match: string): string {
    return `${this.list}/${matchType}/${encodeVariable(match)}`
  }

  /** [Mercure 0.x] The path of a subscription. */
  ofOld({ match, subscriber }: Pick<NamedSubscription, 'match' | 'subscriber'>): string {
    return `${this.ofOldTopic(match)}/${encodeVariable(subscriber)}`
  }

  /** [Mercure 0.x] The path of all subscriptions with one selector. */
  ofOldTopic(topic: string): string {
    return `${this.list}/${encodeVariable(topic)}`
  }
}

/**
 * [Mercure] Percent-encodes a variable once, except unreserved characters. (`encodeURIComponent`
 * leaves five more.)
 */
function encodeVariable(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
