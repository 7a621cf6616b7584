import type { AnySession } from '@headwater/sse/server'
import type { HubCore } from './hub-core.ts'

/** The program's own sessions, by the name of the topic to which each is subscribed. */
export class TopicSessions {
  readonly #byName = new Map<string, Set<AnySession>>()
  readonly #opening = new Set<Promise<void>>()

  /** Those of a hub, whatever `Topic` objects there are. */
  static of(hub: HubCore): TopicSessions {
    const known = ofHubs.get(hub) ?? new TopicSessions()
    ofHubs.set(hub, known)
    return known
  }

  in(name: string): ReadonlySet<AnySession> {
    return this.#byName.get(name) ?? nobody
  }

  /** A subscription of which the store has not said yet where it begins. Never rejects. */
  open(opening: Promise<void>): void {
    this.#opening.add(opening)
    void opening.then(() => this.#opening.delete(opening))
  }

  /** Resolves when the subscriptions asked for so far have begun. */
  async opened(): Promise<void> {
    await Promise.all(this.#opening)
  }

  /** Until it ends. */
  add(name: string, session: AnySession): void {
    const sessions = this.#byName.get(name) ?? new Set()
    this.#byName.set(name, sessions.add(session))
    session.closed.then(() => {
      sessions.delete(session)
      if (sessions.size === 0 && this.#byName.get(name) === sessions) this.#byName.delete(name)
    })
  }
}

const ofHubs = new WeakMap<HubCore, TopicSessions>()
const nobody: ReadonlySet<AnySession> = new Set()
