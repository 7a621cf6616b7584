import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

export default defineConfig({
  // Our packages are their sources: a fault in one is seen at once, without a build. docs/decisions/0017. Vitest passes this
  // on to Node, and so to the worker threads of a test. A test that starts a process says it there (from-source.ts); those of
  // test/, examples/ and bench/ do not, as they are about what users get.
  ssr: { resolve: { conditions: ['@headwater/source'] } },
  test: {
    include: ['{packages,conformance,examples,bench}/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '.cache/**'],
    // Hundreds of processes are started from the same TypeScript.
    env: { NODE_COMPILE_CACHE: join(import.meta.dirname, '.cache/node') },
    // Most tests of the hub let anyone publish.
    execArgv: ['--disable-warning=HEADWATER_OPEN_HUB'],
    // A bound for what hangs, not for what is slow.
    testTimeout: 120_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 100_000 } },
    // Vitest would leave a core to itself, and has little to do.
    maxWorkers: availableParallelism(),
    sequence: { sequencer: longestFirst() },
  },
})

/** A long file that begins last would run alone in the end. Without results of an earlier run, Vitest goes by size. */
function longestFirst() {
  const longest = [
    'packages/hub/test/crash/system',
    'packages/hub/test/cluster/',
    'packages/hub/test/streams/kill',
    'packages/hub/test/adapters/kill',
    'packages/hub/test/simulation/seeds',
    'conformance/firefox',
    'conformance/webkit',
    'conformance/chromium',
    'conformance/runtimes',
    'test/dashboard',
    'test/signed-in',
    'test/production',
    'test/proxies/',
    'packages/hub/test/cli/doctor/probe-proxies',
    'examples/test/frameworks/',
    'packages/learn/test/page',
    '/native-',
    'packages/hub/test/crash/',
    'packages/hub/test/mercure/conformance',
  ]
  const place = ({ moduleId }: TestSpecification) => {
    const index = longest.findIndex((path) => moduleId.includes(path))
    return index === -1 ? longest.length : index
  }
  return class extends BaseSequencer {
    override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
      const sorted = await super.sort(files)
      return sorted.sort((one, other) => place(one) - place(other))
    }
  }
}
