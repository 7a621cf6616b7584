// `npm run test:frameworks`: the examples in examples/frameworks as a user has them: copied to a folder elsewhere, installed from
// their lock files with our packed packages, built by the framework's own build, started, and used by Chromium through a network that
// breaks and a server that is stopped. `npm run test:frameworks -- next nest` runs those alone. Prints what it skips, and why.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { ensureInstalled, ensureSystemParts, fail, pinnedEnvironment, pinnedNode, root, run } from './setup.mjs'

const there = readdirSync(join(root, 'examples/frameworks'), { withFileTypes: true })
const names = there.filter((entry) => entry.isDirectory()).map(({ name }) => name)
const chosen = process.argv.slice(2)
const unknown = chosen.filter((name) => !names.includes(name))
if (unknown.length > 0) fail(`there is no example for ${unknown.join(', ')}; there are ${names.join(', ')}`)

ensureInstalled()
ensureInstalled(join(root, 'conformance/runtimes'))
ensureSystemParts([{ apt: 'chromium', paths: ['/usr/bin/chromium'] }])
if ((await build()) !== 0) fail('the build failed; its messages are above')
const env = { ...pinnedEnvironment(), HEADWATER_FRAMEWORKS: (chosen.length > 0 ? chosen : names).join(',') }
process.exitCode = run(
  pinnedNode(),
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', 'examples/test/frameworks'],
  { env },
)
