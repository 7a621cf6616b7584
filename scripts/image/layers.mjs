// What is in the image: three layers, from what changes least to what changes most.
import { execFileSync } from 'node:child_process'
import { lstatSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pinnedNode, root } from '../setup.mjs'

/** The user that the hub runs as: nobody that another image has. */
export const user = 65532

/** @returns {{ name: string, entries: import('./tar.mjs').Entry[] }[]} */
export function layers() {
  const node = pinnedNode()
  return [
    {
      name: 'the C library of this machine, as far as Node needs it, and a folder for the history',
      entries: base(node),
    },
    {
      name: `Node ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`,
      entries: [fileAt('usr/local/bin/node', node, 0o755)],
    },
    { name: 'headwater, with what it depends on', entries: application() },
  ]
}

/** The shared objects that the loader would load, at the paths where it looks for them. */
function base(node) {
  const listed = execFileSync('ldd', [node], { encoding: 'utf8' })
  const objects = Array.from(listed.matchAll(/(\/\S+) \(0x/g), ([, path]) => path)
  return [
    ...objects.map((path) => fileAt(path.slice(1), realpathSync(path), 0o755)),
    text('etc/passwd', `root:x:0:0:root:/root:/sbin/nologin\nheadwater:x:${user}:${user}::/data:/sbin/nologin\n`),
    text('etc/group', `root:x:0:\nheadwater:x:${user}:\n`),
    text('etc/nsswitch.conf', 'hosts: files dns\n'),
    { path: 'data', mode: 0o700, uid: user },
    { path: 'tmp', mode: 0o1777 },
  ]
}

/** Our packages as npm packs them, and what they need in the versions of the lock file. */
function application() {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const needed = new Set()
  const need = (name, from) => {
    const path = [`${from}/node_modules/${name}`, `node_modules/${name}`].find((each) => lock[each])
    if (!path) throw new Error(`${name} is not in the lock file`)
    const entry = lock[path].link ? lock[lock[path].resolved] : lock[path]
    if (needed.has(path)) return
    needed.add(path)
    const at = lock[path].link ? lock[path].resolved : path
    for (const each of Object.keys(entry.dependencies ?? {})) need(each, at)
  }
  need('headwater', '')
  // For --store postgres://…; a hub with a store of its own does not load it.
  need('pg', 'packages/hub')
  return [...needed].flatMap((path) => {
    if (lock[path].link) return packed(lock[path].resolved, `app/${path}`)
    const { version } = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'))
    if (version !== lock[path].version) throw new Error(`${path} is ${version}, not ${lock[path].version}: npm ci`)
    return folderAt(`app/${path.replace('packages/hub/', 'node_modules/headwater/')}`, join(root, path))
  })
}

function packed(folder, path) {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-pack-'))
  try {
    execFileSync('npm', ['pack', '--silent', '--pack-destination', directory], {
      cwd: join(root, folder),
      stdio: 'pipe',
    })
    execFileSync('tar', ['-xzf', join(directory, readdirSync(directory)[0]), '-C', directory])
    return folderAt(path, join(directory, 'package'))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function folderAt(path, source) {
  return readdirSync(source).flatMap((name) => {
    const from = join(source, name)
    // Of a package only what is its own.
    if (name === 'node_modules') return []
    return lstatSync(from).isDirectory() ? folderAt(`${path}/${name}`, from) : [fileAt(`${path}/${name}`, from)]
  })
}

function fileAt(path, source, mode = 0o644) {
  return { path, data: readFileSync(source), mode }
}

function text(path, content) {
  return { path, data: Buffer.from(content) }
}
