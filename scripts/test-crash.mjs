// `npm run test:crash`: the crash tests at length. A hub is killed 1,000 times under load (and those around it accordingly), and what it
// acknowledged and delivered is counted. `npm run test:crash -- 5000` kills it as often as that; HEADWATER_CRASH_SEED repeats a run, as
// far as chance allows. About a quarter of an hour for 1,000.
import { join } from 'node:path'
import { build } from './build.mjs'
import { ensureInstalled, fail, pinnedEnvironment, pinnedNode, root, run } from './setup.mjs'

const kills = process.argv[2] ?? '1000'
if (!/^[1-9]\d{0,5}$/.test(kills)) fail(`${kills} is no number of kills. Write: npm run test:crash -- 1000`)

ensureInstalled()
if ((await build()) !== 0) fail('the build failed; its messages are above')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const status = run(
  pinnedNode(),
  [vitest, 'run', '--reporter=verbose', '--no-file-parallelism', 'packages/hub/test/crash'],
  {
    env: { ...pinnedEnvironment(), HEADWATER_CRASH_KILLS: kills },
  },
)
console.log(`headwater: ${kills} kills ${status === 0 ? 'ok' : 'FAILED'}`)
process.exitCode = status
