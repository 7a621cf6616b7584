// `npm test`: every check there is, from a fresh clone. Format and lint, types, then all tests (unit, property,
// conformance in every runtime and browser, packages, examples). Closes with one line: "headwater: N passed, N failed".
// `--matrix` adds the further Node versions.
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './build.mjs'
import { ensureInstalled, ensureSystemParts, pinnedEnvironment, pinnedNode, root, run } from './setup.mjs'

const args = process.argv.slice(2)
const matrix = args.includes('--matrix')
const report = join(root, '.cache/vitest.json')

ensureInstalled()
ensureInstalled(join(root, 'conformance/runtimes'))
ensureInstalled(join(root, 'conformance/readers'))
ensureInstalled(join(root, 'conformance/testing'))
if (matrix) ensureInstalled(join(root, 'conformance/runtimes-matrix'))
ensureSystemParts([
  { apt: 'chromium', paths: ['/usr/bin/chromium'] },
  { apt: 'firefox-esr', paths: ['/usr/bin/firefox-esr'] },
  { apt: 'webkit2gtk-driver', paths: ['/usr/bin/WebKitWebDriver'] },
  { apt: 'xvfb', paths: ['/usr/bin/Xvfb'] },
  { apt: 'nginx', paths: ['/usr/sbin/nginx'], isOptional: true },
  { apt: 'haproxy', paths: ['/usr/sbin/haproxy'], isOptional: true },
  { apt: 'pgbouncer', paths: ['/usr/sbin/pgbouncer'], isOptional: true },
  { apt: 'prometheus', paths: ['/usr/bin/prometheus'], isOptional: true },
  { apt: 'caddy', paths: ['/usr/bin/caddy'], isOptional: true },
  { apt: 'varnish', paths: ['/usr/sbin/varnishd'], isOptional: true },
  { apt: 'apache2', paths: ['/usr/sbin/apache2'], isOptional: true },
  { apt: 'squid', paths: ['/usr/sbin/squid'], isOptional: true },
  { apt: 'lighttpd', paths: ['/usr/sbin/lighttpd'], isOptional: true },
  { apt: 'mitmproxy', paths: ['/usr/bin/mitmdump'], isOptional: true },
])

const count = { passed: 0, failed: 0, skipped: 0 }
const check = (name, status) => {
  count[status === 0 ? 'passed' : 'failed'] += 1
  console.log(`headwater: ${name} ${status === 0 ? 'ok' : 'FAILED'}`)
}
const env = { ...pinnedEnvironment(), ...(matrix && { HEADWATER_MATRIX: '1' }) }
const node = (...command) => run(pinnedNode(), command, { env })

check('types', await build({ all: true }))
check('format and lint', node(join(root, 'node_modules/@biomejs/biome/bin/biome'), 'check', '--error-on-warnings', '.'))

mkdirSync(join(root, '.cache'), { recursive: true })
rmSync(report, { force: true })
// Node adds to it and never takes from it: programs of temporary folders would stay for ever (vitest.config.ts).
rmSync(join(root, '.cache/node'), { recursive: true, force: true })
const vitest = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=default', '--reporter=json']
const status = node(...vitest, `--outputFile.json=${report}`, ...args.filter((arg) => arg !== '--matrix'))
const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numFailedTestSuites } = readReport()
count.passed += numPassedTests
count.failed += numFailedTests
count.skipped += numPendingTests + numTodoTests
// A file that could not even be collected, or an error outside any test, fails the run without a failed test.
if (status !== 0 && numFailedTests === 0) count.failed += Math.max(1, numFailedTestSuites)

console.log(`headwater: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
process.exitCode = count.failed > 0 ? 1 : 0

function readReport() {
  const nothing = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, numFailedTestSuites: 0 }
  try {
    return JSON.parse(readFileSync(report, 'utf8'))
  } catch (error) {
    console.error(`headwater: the test runner left no report: ${error.message}`)
    return nothing
  }
}
