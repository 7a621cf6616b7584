import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  // Our packages are their sources: a fault in one is seen at once, without a build. docs/decisions/0017. Vitest passes this
  // on to Node, and so to the worker threads of a test. The processes that a test starts it tells itself (from-source.ts):
  // those of test/, examples/ and bench/ run what was built, as users do.
  ssr: { resolve: { conditions: ['@headwater/source'] } },
  test: {
    include: ['{packages,conformance,examples,bench}/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '.cache/**'],
    // Hundreds of processes are started from the same TypeScript.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, '.cache/node') },
    // A bound for what hangs, not for what is slow.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 100_000 } },
  },
})
