import type { Work } from './automaton.ts'
import { type Matcher, selects } from './matcher.ts'
import { PrefixTree } from './prefix-tree.ts'
import { type Topic, toTopics } from './topic.ts'
import { originOf } from './url-pattern.ts'

/**
 * Finds the values whose matchers select a topic, without testing all matchers: looks exact ones up
 * in a map, and tests patterns and templates only if the topic begins with their fixed prefix.
 * Stores each pattern once, however many values have it.
 */
export class MatcherIndex<T> {
  /** The entries by key of the matcher. */
  readonly #entries = new Map<string, Entry<T>>()
  #all: Entry<T> | undefined
  readonly #exact = new Map<string, Entry<T>>()
  readonly #templates = new PrefixTree<Entry<T>>()
  /** The patterns by their base URL; a hub has one, or very few. */
  readonly #patterns = new Map<string, PatternTrees<T>>()

  /** Adds a value under all its matchers. */
  add(matchers: readonly Matcher[], value: T): void {
    for (const matcher of matchers) {
      let entry = this.#entries.get(matcher.key)
      if (!entry) {
        entry = { matcher, values: new Set() }
        this.#entries.set(matcher.key, entry)
        this.#file(entry)
      }
      entry.values.add(value)
    }
  }

  /** Reverts `add` of the same matchers and value. */
  delete(matchers: readonly Matcher[], value: T): void {
    for (const { key } of matchers) {
      const entry = this.#entries.get(key)
      if (!entry?.values.delete(value) || entry.values.size > 0) continue
      this.#entries.delete(key)
      this.#unfile(entry)
    }
  }

  /**
   * Returns the values with a matcher that selects any of the topics, each once. Read the result at
   * once, and do not change it.
   */
  select(texts: readonly string[], work?: Work): ReadonlySet<T> {
    // Usually an event has one topic, and matchers are exact or `*`.
    const isPlain = this.#templates.isEmpty && this.#patterns.size === 0
    if (isPlain && texts.length === 1) {
      const exact = this.#exact.get(texts[0]!)?.values
      if (!this.#all) return exact ?? (nothing as ReadonlySet<T>)
      if (!exact) return this.#all.values
    }
    const selected = new Set(this.#all?.values)
    for (const text of texts) {
      for (const value of this.#exact.get(text)?.values ?? []) selected.add(value)
    }
    if (isPlain) return selected
    for (const topic of toTopics(texts)) {
      this.#visitCandidates(topic, ({ matcher, values }) => {
        // Skips values that were already found, so the other matchers of a subscription cost
        // nothing.
        if (hasAll(selected, values) || !selects(matcher, topic, work)) return
        for (const value of values) selected.add(value)
      })
    }
    return selected
  }

  #visitCandidates(topic: Topic, onEntry: (entry: Entry<T>) => void): void {
    if (!this.#templates.isEmpty) this.#templates.visit(topic.symbols, onEntry)
    for (const [base, { byOrigin, byPathname }] of this.#patterns) {
      const url = topic.relativeTo(base)
      if (!url) continue
      byOrigin.visit(originOf(url) + url.pathname, onEntry)
      byPathname.visit(url.pathname, onEntry)
    }
  }

  #file(entry: Entry<T>): void {
    const { matcher } = entry
    if (matcher.type === 'all') this.#all = entry
    else if (matcher.type === 'exact') this.#exact.set(matcher.source, entry)
    else if (matcher.type === 'template') this.#templates.add(matcher.template.prefix, entry)
    else {
      const { base, origin, pathnamePrefix } = matcher.pattern
      let trees = this.#patterns.get(base)
      if (!trees) {
        trees = { byOrigin: new PrefixTree(), byPathname: new PrefixTree() }
        this.#patterns.set(base, trees)
      }
      if (origin === undefined) trees.byPathname.add(pathnamePrefix, entry)
      else trees.byOrigin.add(origin + pathnamePrefix, entry)
    }
  }

  #unfile(entry: Entry<T>): void {
    const { matcher } = entry
    if (matcher.type === 'all') this.#all = undefined
    else if (matcher.type === 'exact') this.#exact.delete(matcher.source)
    else if (matcher.type === 'template') this.#templates.delete(matcher.template.prefix, entry)
    else {
      const { base, origin, pathnamePrefix } = matcher.pattern
      const trees = this.#patterns.get(base)!
      if (origin === undefined) trees.byPathname.delete(pathnamePrefix, entry)
      else trees.byOrigin.delete(origin + pathnamePrefix, entry)
      if (trees.byOrigin.isEmpty && trees.byPathname.isEmpty) this.#patterns.delete(base)
    }
  }
}

interface Entry<T> {
  readonly matcher: Matcher
  readonly values: Set<T>
}

/**
 * URL patterns by their fixed prefix: the origin and what follows, or, for patterns with several
 * origins, the pathname.
 */
interface PatternTrees<T> {
  readonly byOrigin: PrefixTree<Entry<T>>
  readonly byPathname: PrefixTree<Entry<T>>
}

const nothing: ReadonlySet<never> = new Set()

function hasAll<T>(set: ReadonlySet<T>, values: ReadonlySet<T>): boolean {
  for (const value of values) if (!set.has(value)) return false
  return true
}
