// `npm run test:readers`: client libraries of JavaScript, Python, Go, Rust, Java and PHP read the hub through ordered stops, kills, quiet
// streams and heartbeats, and a plain server beside it. Prints a table (docs/readers.md). `npm run test:readers -- python go` runs those
// alone. What a language needs is installed into .cache/readers; where it is not there, a line says which were not run. About a quarter of an hour.
import { join } from 'node:path'
import { build } from './build.mjs'
import { ensureInstalled, ensureSystemParts, fail, pinnedEnvironment, pinnedNode, root, run } from './setup.mjs'

ensureInstalled()
ensureInstalled(join(root, 'conformance/readers'))
ensureSystemParts([
  { apt: 'php-cli', paths: ['/usr/bin/php'], isOptional: true },
  {
    apt: 'php-symfony-http-client',
    paths: ['/usr/share/php/Symfony/Component/HttpClient/autoload.php'],
    isOptional: true,
  },
])
if ((await build()) !== 0) fail('the build failed; its messages are above')
const driver = join(root, 'conformance/readers/driver/main.ts')
process.exitCode = run(pinnedNode(), [driver, ...process.argv.slice(2)], { env: pinnedEnvironment() })
