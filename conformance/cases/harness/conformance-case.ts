import type { Runtime } from './runtime.ts'
import type { Trial } from './trial.ts'

/** One claim about an EventSource, made once and tried in every runtime and on every implementation it applies to. */
export interface ConformanceCase {
  /** A sentence about behaviour. */
  name: string
  /** The line of the behaviour it belongs to: `'ground 3'`, `'4'` (of the numbered lines), `'superset'`. */
  line: string
  /** Where it can be tried. Default: everywhere, on every implementation. */
  appliesTo?: (runtime: Runtime) => boolean
  /** Takes the server of all cases away, so it runs after the others and alone. Default false. */
  alone?: true
  run: (t: Trial) => Promise<void> | void
}

/** What one implementation is known to do instead of what some cases say. All of it is asserted, none of it skipped. */
export interface Deviations {
  /** `'native Firefox'` */
  who: string
  isOf: (runtime: Runtime) => boolean
  /** By the name of the case. */
  from: Record<string, Deviation>
}

export interface Deviation {
  /** What they do, as the rest of a sentence that begins with `who`. */
  does: string
  /** Part of the failure that the case must end in: the assertion and what it saw. */
  fails?: string
  /** Asserts what they do, where a failing assertion does not say it. */
  run?: ConformanceCase['run']
}

export function inBrowsers({ engine }: Runtime): boolean {
  return engine === 'Chromium' || engine === 'Firefox' || engine === 'WebKit'
}

export function outsideBrowsers(runtime: Runtime): boolean {
  return !inBrowsers(runtime)
}

export function inPages({ scope }: Runtime): boolean {
  return scope === 'page'
}

export function ours({ implementation }: Runtime): boolean {
  return implementation === 'ours'
}

export function native(engine: Runtime['engine']): (runtime: Runtime) => boolean {
  return (runtime) => runtime.implementation === 'native' && runtime.engine === engine
}
