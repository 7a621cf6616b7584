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
  /** What some implementations are known to do instead: each is asserted, and reported under a name of its own. */
  deviations?: Deviation[]
  run: (t: Trial) => Promise<void> | void
}

/** A known departure from the case, asserted in its place where it applies. */
export interface Deviation {
  /** Whose it is, for its name: `'native Firefox'`. */
  who: Who
  /** What they do, as the rest of a sentence that begins with `who`. */
  does: string
  /** The first assertion of the case that fails there, word for word. The case must fail with exactly this. */
  fails?: string
  /** Asserts what they do, where that is more than a failing assertion. */
  run?: (t: Trial) => Promise<void> | void
}

export interface Runtime {
  engine: Engine
  /** `'page'`, `'worker'` or `'shared worker'` in a browser. */
  scope: 'page' | 'worker' | 'shared worker' | 'process'
  implementation: 'native' | 'ours'
}

export type Engine = 'Chromium' | 'Firefox' | 'Node.js' | 'Bun' | 'Deno' | 'workerd'

const groups = {
  'native Chromium': (r: Runtime) => r.implementation === 'native' && r.engine === 'Chromium',
  'native Firefox': (r: Runtime) => r.implementation === 'native' && r.engine === 'Firefox',
  'native Node.js': (r: Runtime) => r.implementation === 'native' && r.engine === 'Node.js',
  'native Deno': (r: Runtime) => r.implementation === 'native' && r.engine === 'Deno',
  'native workerd': (r: Runtime) => r.implementation === 'native' && r.engine === 'workerd',
  'ours in browsers': (r: Runtime) => r.implementation === 'ours' && inBrowsers(r),
  'ours in Chromium': (r: Runtime) => r.implementation === 'ours' && r.engine === 'Chromium',
  'ours in Firefox': (r: Runtime) => r.implementation === 'ours' && r.engine === 'Firefox',
  'ours in Bun': (r: Runtime) => r.implementation === 'ours' && r.engine === 'Bun',
  'ours in Deno': (r: Runtime) => r.implementation === 'ours' && r.engine === 'Deno',
  'ours in workerd': (r: Runtime) => r.implementation === 'ours' && r.engine === 'workerd',
}

export type Who = keyof typeof groups

export function inBrowsers(runtime: Runtime): boolean {
  return runtime.engine === 'Chromium' || runtime.engine === 'Firefox'
}

export function outsideBrowsers(runtime: Runtime): boolean {
  return !inBrowsers(runtime)
}

export function inPages(runtime: Runtime): boolean {
  return runtime.scope === 'page'
}

export function ours(runtime: Runtime): boolean {
  return runtime.implementation === 'ours'
}

export function deviationOf(conformanceCase: ConformanceCase, runtime: Runtime): Deviation | undefined {
  return conformanceCase.deviations?.find(({ who }) => groups[who](runtime))
}

/** What a case is reported as: its own name, or what the runtime is expected to do instead. */
export function nameOf(conformanceCase: ConformanceCase, runtime: Runtime): string {
  const deviation = deviationOf(conformanceCase, runtime)
  if (!deviation) return conformanceCase.name
  return `${deviation.who} ${deviation.does} (the standard: ${conformanceCase.name})`
}
