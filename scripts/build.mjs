// Compiles the packages into their dist folders and bundles the pages: the dashboard, and /learn. `--all` also type-checks every test.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureInstalled, pinnedEnvironment, pinnedNode, root, run } from './setup.mjs'
import { writeThirdParty } from './third-party.mjs'

/** Gives the compiler's exit code. */
export async function build({ all = false } = {}) {
  const projects = all ? ['.'] : ['packages/hub/tsconfig.build.json']
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const status = run(pinnedNode(), [tsc, '-b', ...projects], { env: pinnedEnvironment() })
  if (status !== 0) return status
  for (const name of ['sse', 'hub']) removeOrphans(join(root, 'packages', name))
  return bundleDashboard() || bundleLearn() || writeThirdParty(join(root, 'packages/hub/dist'))
}

/** What was compiled from a source that is gone would still be published. */
function removeOrphans(folder) {
  const compiled = join(folder, 'dist')
  for (const name of readdirSync(compiled, { recursive: true, encoding: 'utf8' })) {
    const [module] = name.split(/(?:\.d)?\.[jt]s(?:\.map)?$/)
    const isBundled = ['dashboard', 'learn-page', 'THIRD-PARTY.md'].includes(name.split(sep)[0])
    if (module !== name && !isBundled && !existsSync(join(folder, 'src', `${module}.ts`))) rmSync(join(compiled, name))
  }
}

/** Gives the exit code. Vite runs on the pinned Node, as it needs one that is recent. */
function bundleDashboard() {
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  const config = join(root, 'packages/dashboard/vite.config.js')
  return run(pinnedNode(), [vite, 'build', '--config', config], { env: pinnedEnvironment() })
}

/** Gives the exit code. */
function bundleLearn() {
  const vite = join(root, 'node_modules/vite/bin/vite.js')
  return run(pinnedNode(), [vite, 'build', '--logLevel', 'warn'], {
    cwd: join(root, 'packages/learn'),
    env: pinnedEnvironment(),
  })
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  ensureInstalled()
  process.exitCode = await build({ all: process.argv.includes('--all') })
}
