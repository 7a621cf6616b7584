// `npm run test:damage`: 1,000 bits flipped and 1,000 files cut off in data directories, and 50 disks that are full at a random write.
// After each, a store opens, everything is read, and subscribers resume from random IDs: it prints the table of docs/damage.md.
// `npm run test:damage -- 5000` tries more; HEADWATER_DAMAGE_SEED repeats a run. A minute for 1,000 with TMPDIR in memory.
import { join } from 'node:path'
import { ensureInstalled, fail, pinnedEnvironment, pinnedNode, root, run } from './setup.mjs'

const trials = process.argv[2] ?? '1000'
if (!/^[1-9]\d{0,5}$/.test(trials)) fail(`${trials} is not a number of trials. Write: npm run test:damage -- 1000`)

ensureInstalled()
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const status = run(pinnedNode(), [vitest, 'run', '--reporter=verbose', 'packages/hub/test/damage'], {
  env: { ...pinnedEnvironment(), HEADWATER_DAMAGE_TRIALS: trials },
})
console.log(`headwater: ${trials} flips and ${trials} truncations ${status === 0 ? 'ok' : 'FAILED'}`)
process.exitCode = status
