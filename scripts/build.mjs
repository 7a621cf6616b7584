// Compiles the packages into their dist folders and bundles the pages: the dashboard, and /learn. `--all` also type-checks every test.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join, sep } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureInstalled, pinnedEnvironment, pinnedNode, root, run } from './setup.mjs'

const dashboard = join(root, 'packages/hub/src/dashboard')
const dashboardOutput = join(root, 'packages/hub/dist/dashboard')

/** Gives the compiler's exit code. */
export async function build({ all = false } = {}) {
  const projects = all ? ['.'] : ['packages/hub/tsconfig.build.json']
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const status = run(pinnedNode(), [tsc, '-b', ...projects], { env: pinnedEnvironment() })
  if (status !== 0) return status
  for (const name of ['sse', 'hub']) removeOrphans(join(root, 'packages', name))
  await bundleDashboard()
  return bundleLearn()
}

/** What was compiled from a source that is gone would still be published. */
function removeOrphans(folder) {
  const compiled = join(folder, 'dist')
  for (const name of readdirSync(compiled, { recursive: true, encoding: 'utf8' })) {
    const [module] = name.split(/(?:\.d)?\.[jt]s(?:\.map)?$/)
    const isBundled = ['dashboard', 'learn-page'].includes(name.split(sep)[0])
    if (module !== name && !isBundled && !existsSync(join(folder, 'src', `${module}.ts`))) rmSync(join(compiled, name))
  }
}

async function bundleDashboard() {
  const { build: bundle } = await import(pathToFileURL(join(root, 'node_modules/esbuild/lib/main.js')).href)
  mkdirSync(dashboardOutput, { recursive: true })
  await bundle({
    absWorkingDir: root,
    entryPoints: [join(dashboard, 'app.ts'), join(dashboard, 'style.css')],
    outdir: dashboardOutput,
    bundle: true,
    minify: true,
    sourcemap: true,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
  })
  cpSync(join(dashboard, 'static'), dashboardOutput, { recursive: true })
}

/** Gives the exit code. Vite runs on the pinned Node, as it needs one that is recent. */
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
