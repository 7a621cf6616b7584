// Publishing, once everything has passed.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { root } from '../setup.mjs'
import { run } from './stage.mjs'

/** Why nothing may be published now, or undefined. */
export function reasonNotToPublish(repository, version) {
  if (!repository) {
    return 'a published package says where its source is: give --repository URL, or try it with --dry-run'
  }
  const changed = run('git', ['status', '--porcelain'], root).trimEnd()
  if (changed) return `not everything is committed:\n${changed}`
  const tags = run('git', ['tag', '--points-at', 'HEAD'], root).split('\n')
  if (!tags.includes(`v${version}`)) return `this commit has no tag v${version}, from which its source could be found`
  return undefined
}

/**
 * Publishes the packages in order, as each depends on those before it, and leaves out what is published already, so that it can be
 * repeated after a failure. Gives an exit code.
 */
export async function publish(packages, env = process.env) {
  for (const { name, version, integrity, tarball } of packages) {
    const published = await publishedIntegrity(name, version, env)
    if (published === integrity) {
      console.log(`headwater: ${name} ${version} is published already`)
      continue
    }
    if (published) {
      console.error(`headwater: ${name} ${version} is published already, and is something else: set another version`)
      return 1
    }
    console.log(`headwater: publishing ${name} ${version}`)
    // What is not for everybody yet is not what `npm install` takes.
    const tag = version.includes('-') ? 'next' : 'latest'
    const [code] = await once(spawn('npm', ['publish', tarball, '--tag', tag], { env, stdio: 'inherit' }), 'exit')
    if (code !== 0) return code ?? 1
  }
  return 0
}

/** Undefined if there is no such version. */
async function publishedIntegrity(name, version, env) {
  const args = ['view', `${name}@${version}`, 'dist.integrity', '--json', '--prefer-online']
  const npm = spawn('npm', args, { env, stdio: ['ignore', 'pipe', 'ignore'] })
  const [output, [code]] = await Promise.all([text(npm.stdout), once(npm, 'exit')])
  if (code === 0) return output.trim() ? JSON.parse(output) : undefined
  const { error } = JSON.parse(output || '{}')
  if (error?.code === 'E404') return undefined
  throw new Error(`npm does not say whether ${name} ${version} is published: ${error?.summary ?? output}`)
}
