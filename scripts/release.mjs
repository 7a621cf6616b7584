// `npm run release -- --dry-run`: builds both packages, packs them as they would be published, checks them, installs them into an
// empty folder and uses them there; prints a table. Without --dry-run it publishes what passed. docs/decisions/0056.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from './build.mjs'
import { changesOf, sectionOf } from './release/changelog.mjs'
import { isFailed, isUnfinished } from './release/outcome.mjs'
import { publish, reasonNotToPublish } from './release/publish.mjs'
import { repositoryOf } from './release/repository.mjs'
import { stage } from './release/stage.mjs'
import { tableOf } from './release/table.mjs'
import { ensureInstalled, fail, root } from './setup.mjs'

const usage = `npm run release -- --dry-run [--repository URL]     checks everything, publishes nothing
npm run release -- --repository URL                 publishes

  --repository URL   where the source is; also $HEADWATER_REPOSITORY, or "repository" in package.json
  --dry-run          publishes nothing
  --no-build         packs what was built before
  --no-provenance    publishes without a statement of where it was built, for a registry of your own
  --keep             leaves the folder with the tarballs, and prints where it is`

const flags = readFlags()
const repository = readRepository()
const { version } = readJson('packages/sse/package.json')
const refusal = flags.dryRun ? undefined : reasonNotToPublish(repository, version)
if (refusal) fail(refusal)

ensureInstalled()
if (flags.build && (await build()) !== 0) fail('the build failed; its messages are above')

const folder = mkdtempSync(join(tmpdir(), 'headwater-release-'))
try {
  const packages = await checkedPackages()
  console.log(tableOf(packages))
  const changelog = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')
  console.log(`\n${changesOf(changelog, version)}`)

  const outcomes = [...packages.flatMap((each) => each.outcomes), changelogOf(changelog)]
  const failed = outcomes.filter(isFailed)
  const toDo = new Set(outcomes.filter(isUnfinished).map(({ check, unfinished }) => `${check}: ${unfinished}`))
  const passed = outcomes.filter((each) => !isFailed(each) && !isUnfinished(each))
  console.log(`\nheadwater: ${passed.length} checks passed, ${failed.length} failed`)
  for (const each of toDo) console.log(`headwater: before anything is published: ${each}`)
  if (failed.length > 0) process.exitCode = 1
  else if (!flags.dryRun) process.exitCode = toDo.size > 0 ? 1 : await publish(packages)
} finally {
  if (flags.keep) console.log(`headwater: the tarballs are in ${folder}`)
  else rmSync(folder, { recursive: true, force: true })
}

/** Both packages, packed and used, with the outcome of each check. */
async function checkedPackages() {
  const user = join(folder, 'user')
  mkdirSync(user)
  const packages = ['sse', 'hub'].map((name) =>
    stage({ from: join(root, 'packages', name), to: join(folder, name), repository, provenance: flags.provenance }),
  )
  // They need what ensureInstalled() may just have installed.
  const { checkPackage } = await import('./release/checks.mjs')
  const { tryOut } = await import('./release/try-out.mjs')
  const { measureBundles } = await import('./release/sizes.mjs')
  const used = await tryOut(user, packages)
  const sizes = await measureBundles(user)
  const outcomesOf = async (each) => [
    ...(await checkPackage(each, packages)),
    ...used.get(each.name),
    ...(sizes.get(each.name) ?? []),
  ]
  return Promise.all(packages.map(async (each) => ({ ...each, outcomes: await outcomesOf(each) })))
}

function changelogOf(changelog) {
  if (sectionOf(changelog, version)) return { check: 'changelog', detail: '' }
  return { check: 'changelog', unfinished: `it has no section ${version}: npm run release:version -- ${version}` }
}

function readFlags() {
  const options = {
    'dry-run': { type: 'boolean', default: false },
    repository: { type: 'string' },
    build: { type: 'boolean', default: true },
    provenance: { type: 'boolean', default: true },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  }
  try {
    const { values } = parseArgs({ options, allowNegative: true })
    if (values.help) {
      console.log(usage)
      process.exit()
    }
    return { ...values, dryRun: values['dry-run'] }
  } catch (error) {
    return fail(`${error.message}\n${usage}`)
  }
}

function readRepository() {
  const { repository } = readJson('package.json')
  const given = flags.repository ?? process.env.HEADWATER_REPOSITORY ?? repository?.url ?? repository
  try {
    return given && repositoryOf(given)
  } catch (error) {
    return fail(error.message)
  }
}

function readJson(path) {
  return JSON.parse(readFileSync(join(root, path), 'utf8'))
}
