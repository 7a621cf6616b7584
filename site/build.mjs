// `npm run docs`: the site of docs/, in site/dist. Stages the pages, makes the reference from the docstrings, builds the site, adds
// /learn, and checks every link of what came of it. `npm run docs -- --serve` then shows it at http://127.0.0.1:4173.
// Begins on whatever Node there is.
import { join } from 'node:path'
import { build } from '../scripts/build.mjs'
import { ensureInstalled, fail, pinnedEnvironment, pinnedNode, root, run } from '../scripts/setup.mjs'

ensureInstalled()
ensureInstalled(join(root, 'site'))
if ((await build()) !== 0) fail('the packages could not be built; the message is above')
process.exitCode = run(pinnedNode(), [join(root, 'site/make.mjs'), ...process.argv.slice(2)], {
  env: pinnedEnvironment(),
})
