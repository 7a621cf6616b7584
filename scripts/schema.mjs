// Writes the JSON schema of headwater.config.json, after an option of `headwater serve` has changed.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from './build.mjs'
import { ensureInstalled, pinnedEnvironment, pinnedNode, root, run } from './setup.mjs'

const file = join(root, 'packages/hub/headwater.config.schema.json')
const compiled = (path) => import(pathToFileURL(join(root, 'packages/hub/dist/cli', path)).href)

ensureInstalled()
process.exitCode = await build()
if (process.exitCode === 0) {
  const { configurationSchema } = await compiled('options/configuration.js')
  const { serveCommand } = await compiled('serve/serve.js')
  writeFileSync(file, JSON.stringify(configurationSchema(serveCommand()), null, 2))
  const biome = join(root, 'node_modules/@biomejs/biome/bin/biome')
  process.exitCode = run(pinnedNode(), [biome, 'format', '--write', file], { env: pinnedEnvironment() })
}
