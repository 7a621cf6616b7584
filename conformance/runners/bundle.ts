import { createHash, randomUUID } from 'node:crypto'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** A file of this folder and all that it imports, our packages included, as the text of one module. */
export async function bundleOf(entry: string): Promise<string> {
  const result = await build({
    entryPoints: [fileURLToPath(new URL(`../${entry}`, import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    // Our packages as their sources, so that no build is needed first.
    conditions: ['@headwater/source'],
    platform: 'neutral',
    external: ['node:*'],
    // What all targets run; Node 20 is the oldest.
    target: 'es2022',
    logLevel: 'silent',
  })
  return result.outputFiles[0]!.text
}

/** The same as a file, for programs that read it from there; gives its path. */
export async function bundleFileOf(entry: string): Promise<string> {
  const text = await bundleOf(entry)
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12)
  return writeCached(`${basename(entry, '.ts')}-${hash}.mjs`, text)
}

/** Writes a file among those made for the tests, whole or not at all: test files run at the same time. */
export async function writeCached(name: string, text: string): Promise<string> {
  const folder = fileURLToPath(new URL('../../.cache/conformance/', import.meta.url))
  await mkdir(folder, { recursive: true })
  const temporary = `${folder}${randomUUID()}-${name}`
  await writeFile(temporary, text)
  await rename(temporary, `${folder}${name}`)
  return `${folder}${name}`
}
