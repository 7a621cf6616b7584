// `npm run release:version -- 1.2.3`: sets the version of all packages, and gives what is unreleased in CHANGELOG.md that version.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { releaseChangelog } from './release/changelog.mjs'
import { withVersion } from './release/manifests.mjs'
import { fail, root, run } from './setup.mjs'

const [version, ...more] = process.argv.slice(2)
if (!version || more.length > 0) fail('give one version: npm run release:version -- 1.2.3')
const change = (path, edit) => {
  const file = join(root, path)
  writeFileSync(file, edit(readFileSync(file, 'utf8')))
}
try {
  change('CHANGELOG.md', (text) => releaseChangelog(text, version, new Date().toISOString().slice(0, 10)))
} catch (error) {
  fail(error.message)
}
const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
for (const folder of workspaces) change(`${folder}/package.json`, (text) => withVersion(text, version))
process.exitCode = run('npm', ['install', '--package-lock-only', '--ignore-scripts', '--loglevel=error'])
