// `npm run test:streams`: the proof of streams at length. 200 streams are written and read at once, while hub, producers and readers are
// killed 60 times; then 200 through the four adapters. `npm run test:streams -- 200` kills as often as that; HEADWATER_STREAM_SEED repeats a run, as far as chance allows.
import { join } from 'node:path'
import { ensureInstalled, fail, pinnedEnvironment, pinnedNode, root, run } from './setup.mjs'

const kills = process.argv[2] ?? '60'
if (!/^[1-9]\d{0,4}$/.test(kills)) fail(`${kills} is not a number of kills. Write: npm run test:streams -- 60`)

ensureInstalled()
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
const files = ['packages/hub/test/streams/kill', 'packages/hub/test/adapters/kill']
const status = run(pinnedNode(), [vitest, 'run', '--reporter=verbose', '--no-file-parallelism', ...files], {
  env: { ...pinnedEnvironment(), HEADWATER_STREAM_KILLS: kills, HEADWATER_STREAMS: '200' },
})
console.log(`headwater: ${kills} kills ${status === 0 ? 'ok' : 'FAILED'}`)
process.exitCode = status
