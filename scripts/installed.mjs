// Whether what npm has installed is what the lock file says. npm keeps a lock file of what it installed in node_modules.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Whether a folder's dependencies are installed as its lock file says, by us or by somebody's `npm ci`. */
export function isInstalled(folder) {
  const installed = join(folder, 'node_modules', '.package-lock.json')
  return existsSync(installed) && isSameInstall(packagesOf(join(folder, 'package-lock.json')), packagesOf(installed))
}

/** Compares the `packages` of the two lock files: each in the same version and with the same files, and no others. */
export function isSameInstall(locked, installed, platform = process) {
  const { '': _root, ...expected } = locked
  return (
    Object.entries(expected).every(([path, entry]) =>
      installed[path] === undefined ? mayBeMissing(entry, platform) : isSame(entry, installed[path]),
    ) && Object.keys(installed).every((path) => expected[path] !== undefined)
  )
}

/** An optional package is for some platforms, or needed by one that is. Of several C libraries, it is for one. */
function mayBeMissing({ optional, os, cpu, libc }, { platform, arch }) {
  const isForThis = [os].flat().includes(platform) && [cpu].flat().includes(arch) && libc === undefined
  return optional === true && !isForThis
}

function isSame(entry, other) {
  return entry.version === other.version && entry.integrity === other.integrity && entry.link === other.link
}

function packagesOf(lockFile) {
  return JSON.parse(readFileSync(lockFile, 'utf8')).packages ?? {}
}
