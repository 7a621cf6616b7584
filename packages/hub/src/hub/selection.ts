import { type Matcher, selects } from '../matching/matcher.ts'
import { MatcherSet } from '../matching/matcher-set.ts'
import { type Topic, toTopics } from '../matching/topic.ts'
import { type EventRecord, streamEventPrefix, type Tombstone } from '../store/store.ts'
import { type EventForm, plainForm } from './event-form.ts'

/**
 * The events for a subscriber: those that one of its matchers selects by one of their topics, and
 * private ones only if the subscriber also has a right to one of their topics. The two are
 * independent: a matcher may select an event by its canonical topic while a right grants it by an
 * alternate. Without rights, a subscriber receives no private events.
 */
export class Selection {
  /** Selections with the same key are equal: their subscribers share a feed. */
  readonly key: string
  readonly matchers: MatcherSet
  /** Whether the subscriber is told of each event which of its matchers select it. */
  readonly isMarked: boolean
  /** The form in which its subscribers get the events. */
  readonly form: EventForm
  readonly #rights: MatcherSet
  readonly #asked: readonly Matcher[]

  constructor(
    matchers: readonly Matcher[],
    rights: readonly Matcher[] = [],
    isMarked = false,
    form: EventForm = plainForm,
  ) {
    this.matchers = new MatcherSet(matchers)
    this.#rights = new MatcherSet(rights)
    this.isMarked = isMarked
    this.form = form
    this.#asked = matchers
    // Marks count the matchers in the order of the request.
    const order = isMarked ? matchers.map(({ key }) => key) : undefined
    this.key = JSON.stringify([this.matchers.key, this.#rights.key, order, form.key])
  }

  /** The most steps that each character of a topic costs. */
  get cost(): number {
    return this.matchers.cost + this.#rights.cost
  }

  /** The selected topics, if all matchers are exact, so that a store can use an index. */
  get topics(): ReadonlySet<string> | undefined {
    return this.matchers.topics
  }

  admits(event: Pick<EventRecord, 'topics' | 'isPrivate'> & Partial<Pick<EventRecord, 'type'>>): boolean {
    const { topics, isPrivate } = event
    const read = toTopics(topics)
    return this.matchers.selectsAny(read) && (!isPrivate || this.grants(read)) && this.reads(event)
  }

  /**
   * Whether the subscriber can read an event that is selected. The records of streams are for who names the
   * stream's topic, as `hub.stream(name)` does: who subscribes to everything could make nothing of them.
   */
  reads({ topics, type }: Pick<EventRecord, 'topics'> & Partial<Pick<EventRecord, 'type'>>): boolean {
    if (!type?.startsWith(streamEventPrefix)) return true
    // One of several selections in one request may name it, beside others that do not.
    if (this.isMarked) return this.#asked.some((matcher) => names(matcher, topics[0]!))
    return this.topics?.has(topics[0]!) === true
  }

  /** Which of the request's matchers select an event: their places in the request, from 0 on. */
  matching({ topics, type }: Pick<EventRecord, 'topics' | 'type'>): readonly number[] {
    const read = toTopics(topics)
    const isRecord = type?.startsWith(streamEventPrefix)
    const isSelecting = (matcher: Matcher) =>
      isRecord ? names(matcher, topics[0]!) : read.some((topic) => selects(matcher, topic))
    return this.#asked.flatMap((matcher, place) => (isSelecting(matcher) ? [place] : []))
  }

  /** Whether the subscriber has a right to an event, selected or not. */
  mayReceive({ topics, isPrivate }: Pick<EventRecord, 'topics' | 'isPrivate'>): boolean {
    return !isPrivate || this.grants(toTopics(topics))
  }

  /** Whether it has a right to private events with one of these topics. */
  grants(topics: readonly Topic[]): boolean {
    return this.#rights.selectsAny(topics)
  }

  /** Whether a trimmed event was, or may have been, in the selection. */
  admitsTombstone({ topics, isPrivate }: Tombstone): boolean {
    return topics === undefined || this.admits({ topics, isPrivate })
  }
}

/** Whether a matcher is for this very topic. */
function names(matcher: Matcher, topic: string): boolean {
  return matcher.type === 'exact' && matcher.source === topic
}
