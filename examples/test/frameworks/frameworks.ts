import { type InstalledRuntime, installed } from '../../../conformance/runners/runtimes.ts'

/** An example of `examples/frameworks`, built and run as its package.json says. */
export interface Framework {
  name: string
  /** What its server runs on, instead of `node`. */
  bun?: InstalledRuntime
  /** Whether it has a hub at `/api/hub`, with a page at `/hub`, too. */
  hasHub?: boolean
  /** The exit code after SIGTERM. Default: 0. */
  exitCode?: number
  /** Where it pipes an Observable. */
  observable?: string
}

export const frameworks: Framework[] = [
  { name: 'h3' },
  { name: 'elysia', bun: installed.bun },
  { name: 'nest', observable: '/api/clock' },
  { name: 'adonis' },
  { name: 'sveltekit', hasHub: true },
  { name: 'react-router' },
  { name: 'astro' },
  { name: 'nuxt' },
  { name: 'next', hasHub: true, exitCode: 143 },
]
