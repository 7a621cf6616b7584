// The part of `npm run docs` that runs on the pinned Node. build.mjs has installed and compiled what it needs.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fail, pinnedEnvironment, pinnedNode, root, run } from '../scripts/setup.mjs'
import { checkLinks } from './check-links.mjs'
import { modules } from './modules.mjs'
import { nameReference } from './reference.mjs'
import { stagePages } from './stage.mjs'

const site = join(root, 'site')
const stage = join(site, '.stage')
const built = join(site, 'dist')
const base = process.env.DOCS_BASE ?? '/'

rmSync(stage, { recursive: true, force: true })
step('the reference', node('node_modules/typedoc/bin/typedoc', ...modules.map(({ entry }) => join(root, entry))))
nameReference(stage)
const pages = stagePages(stage)
step('the site', node('node_modules/vitepress/bin/vitepress.js', 'build', '.'))
step('/learn', inLearn('static') || inLearn('service-worker'))
cpSync(join(root, 'packages/learn/dist/static'), join(built, 'learn'), { recursive: true })

const dead = checkLinks(built, base)
const pagesOf = Map.groupBy(dead, ({ target }) => target)
for (const [target, [{ page }]] of pagesOf) console.error(`headwater: nothing is at ${target}, to which ${page} links`)
if (pagesOf.size > 0) fail(`${pagesOf.size} dead links`)
console.log(`headwater: ${pages} pages in site/dist, and every link leads somewhere`)
if (process.argv.includes('--serve')) node('node_modules/vitepress/bin/vitepress.js', 'preview', '.', '--port', '4173')

function node(script, ...args) {
  return run(pinnedNode(), [join(site, script), ...args], { cwd: site, env: pinnedEnvironment() })
}

function inLearn(mode) {
  const vite = [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn', '--mode', mode]
  return run(pinnedNode(), vite, { cwd: join(root, 'packages/learn'), env: pinnedEnvironment() })
}

function step(what, status) {
  if (status !== 0) fail(`${what} could not be built (exit code ${status}); the message is above`)
}
