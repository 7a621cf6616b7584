// `npm run test:react-native`: the client in Hermes, compiled as React Native compiles it. Installs both first (57 MB).
import { join } from 'node:path'
import { build } from './build.mjs'
import { ensureInstalled, fail, pinnedEnvironment, pinnedNode, root, run } from './setup.mjs'

ensureInstalled()
ensureInstalled(join(root, 'conformance/react-native'))
if ((await build()) !== 0) fail('the build failed; its messages are above')
const vitest = join(root, 'node_modules/vitest/vitest.mjs')
process.exitCode = run(pinnedNode(), [vitest, 'run', 'test/react-native.test.ts'], { env: pinnedEnvironment() })
