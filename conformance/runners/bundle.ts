import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** One module with the cases, the harness and our client in it, as text; `name` is a file of `cases/targets`. */
export async function bundleOf(name: string): Promise<string> {
  const result = await build({
    entryPoints: [fileURLToPath(new URL(`../${name}`, import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    // What all targets run; Node 20 is the oldest.
    target: 'es2022',
    logLevel: 'silent',
  })
  return result.outputFiles[0]!.text
}
