// A package as it would be published: the files that npm takes, and a manifest that says where the source is.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from '../setup.mjs'

/** Packs a package into a folder. Gives its tarball, what is in it, and its manifest. */
export function stage({ from, to, repository, provenance }) {
  mkdirSync(to, { recursive: true })
  const asItIs = pack(from, to)
  run('tar', ['-xzf', asItIs.filename, '-C', to], to)
  const staged = join(to, 'package')
  const file = join(staged, 'package.json')
  const manifest = manifestOf(JSON.parse(readFileSync(file, 'utf8')), relative(root, from), repository, provenance)
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`)
  const packed = pack(staged, to)
  return {
    name: manifest.name,
    version: manifest.version,
    manifest,
    folder: staged,
    tarball: packed.filename,
    integrity: packed.integrity,
    files: packed.files.map(({ path }) => path),
    packedBytes: packed.size,
    unpackedBytes: packed.unpackedSize,
  }
}

/** Without what only a clone needs. */
function manifestOf({ devDependencies: _, scripts: __, ...manifest }, directory, repository, provenance) {
  return {
    ...manifest,
    ...repository?.fields(directory),
    publishConfig: { access: 'public', ...(provenance && { provenance: true }) },
  }
}

function pack(folder, to) {
  const output = run(
    'npm',
    ['pack', '--json', '--loglevel=error', '--ignore-scripts', '--pack-destination', to],
    folder,
  )
  const [packed] = Object.values(JSON.parse(output))
  return { ...packed, filename: join(to, packed.filename) }
}

/** Runs a command and gives its output; throws with what it said if it fails. */
export function run(command, args, cwd, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: 'utf8', ...options })
  if (status === 0) return stdout
  throw new Error(`${[command, ...args].join(' ')}: ${error?.message ?? `${stdout}${stderr}`.trim()}`)
}
