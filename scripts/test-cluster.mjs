// `npm run test:cluster`: the test of several hubs at length. Three hubs over PostgreSQL with a synchronous standby, and two edges in a
// row, suffer 110 faults under load, each kind five times where this machine can do it; then ten failovers lose events. About 40
// minutes. `npm run test:cluster -- 22` is shorter, and HEADWATER_CLUSTER_SEED repeats a run, as far as chance allows.
import { join } from 'node:path'
import { build } from './build.mjs'
import { ensureInstalled, fail, pinnedEnvironment, pinnedNode, root, run } from './setup.mjs'

const faults = process.argv[2] ?? '110'
if (!/^[1-9]\d{0,4}$/.test(faults)) fail(`${faults} is not a number of faults. Write: npm run test:cluster -- 22`)

ensureInstalled()
if ((await build()) !== 0) fail('the build failed; its messages are above')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const status = run(
  pinnedNode(),
  [vitest, 'run', '--reporter=verbose', '--no-file-parallelism', 'packages/hub/test/cluster'],
  {
    env: { ...pinnedEnvironment(), HEADWATER_CLUSTER_FAULTS: faults },
  },
)
console.log(`headwater: ${faults} faults ${status === 0 ? 'ok' : 'FAILED'}`)
process.exitCode = status
