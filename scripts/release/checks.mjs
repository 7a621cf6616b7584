// What is checked of a package before it is installed.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { root } from '../setup.mjs'
import { outcomeOf } from './outcome.mjs'
import { run } from './stage.mjs'

/** The outcomes of all checks of one of the packages. */
export async function checkPackage(each, packages) {
  return [
    await outcomeOf('publint', () => checkByPublint(each)),
    await outcomeOf('are the types wrong', () => checkTypes(each)),
    await outcomeOf('files', () => checkFiles(each)),
    await outcomeOf('manifest', () => checkManifest(each, packages)),
    provenanceOf(each),
    readmeOf(each),
  ]
}

async function checkByPublint({ folder }) {
  const { messages, pkg } = await publint({ pkgDir: folder, strict: true })
  if (messages.length > 0) throw new Error(messages.map((message) => formatMessage(message, pkg)).join('; '))
}

function checkTypes({ tarball, manifest }) {
  const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js')
  // ESM only, by choice.
  const args = [attw, tarball, '--profile', 'esm-only', '--no-emoji', '--no-color', '--format', 'ascii']
  run(process.execPath, args, root)
  return `${Object.keys(manifest.exports).length} entries`
}

/** What a user gets has what it must have, and nothing that only we need. */
function checkFiles({ files, manifest }) {
  const required = ['LICENSE', 'README.md', 'package.json', ...Object.values(manifest.bin ?? {})]
  if (files.some((file) => file.startsWith('dist/dashboard/'))) required.push('dist/THIRD-PARTY.md')
  for (const entry of Object.values(manifest.exports)) {
    for (const path of typeof entry === 'string' ? [entry] : Object.values(entry)) required.push(path)
  }
  const missing = required.map((path) => path.replace(/^\.\//, '')).filter((path) => !files.includes(path))
  if (missing.length > 0) throw new Error(`without ${missing.join(', ')}`)
  const ours = files.filter((file) => /\.test\.|tsbuildinfo|tsconfig|\.tgz$|\.env|\.pem$/.test(file))
  if (ours.length > 0) throw new Error(`with ${ours.join(', ')}`)
  return `${files.length}`
}

/** Both packages have one version, and the hub depends on exactly that of the library. */
function checkManifest({ manifest }, packages) {
  for (const name of ['name', 'version', 'description', 'license', 'type', 'engines', 'keywords', 'exports']) {
    if (!manifest[name]) throw new Error(`no ${name}`)
  }
  for (const { name, version } of packages) {
    if (version !== manifest.version) throw new Error(`version ${manifest.version}, and ${name} has ${version}`)
    const needed = manifest.dependencies?.[name]
    if (needed !== undefined && needed !== version) throw new Error(`depends on ${name} ${needed}, not ${version}`)
  }
  if (manifest.name === '@headwater/sse' && manifest.dependencies) throw new Error('has dependencies')
  return `version ${manifest.version}`
}

function provenanceOf({ manifest }) {
  const check = 'provenance'
  const missing = ['repository', 'bugs', 'homepage'].filter((name) => manifest[name] === undefined)
  if (missing.length > 0) return { check, unfinished: `no ${missing.join(', ')}: --repository URL` }
  return { check, detail: manifest.publishConfig.provenance ? manifest.homepage : `none; ${manifest.homepage}` }
}

function readmeOf({ folder }) {
  const check = 'README'
  const says = /not published/.exec(readFileSync(join(folder, 'README.md'), 'utf8'))
  return says ? { check, unfinished: 'it says that the package is not published yet' } : { check, detail: '' }
}
