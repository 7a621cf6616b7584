// What a page downloads of the packages as they are installed: minified and gzipped.
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { outcomeOf } from './outcome.mjs'

/**
 * The bounds. What each part of EventSource and createParser is for stands in packages/sse/test/client/bundle.test.ts.
 * With `beyond`, only what is added to that.
 */
const bundles = [
  { code: `export { EventSource } from '@headwater/sse/client'`, name: 'EventSource', maxBytes: 5067 },
  { code: `export { createParser } from '@headwater/sse'`, name: 'createParser', maxBytes: 2216 },
  ...['react', 'vue', 'svelte'].map((framework) => ({
    code: `export { useEvents } from '@headwater/sse/${framework}'`,
    beyond: `export { liveEvents } from '@headwater/sse/live'`,
    name: `useEvents (${framework})`,
    maxBytes: 1023,
  })),
]

/** The outcomes by package, measured in a folder that has them installed. */
export async function measureBundles(folder) {
  const outcomes = bundles.map(({ name, code, beyond, maxBytes }) =>
    outcomeOf(`size of ${name}`, async () => {
      const bytes = (await bytesOf(code, folder)) - (beyond ? await bytesOf(beyond, folder) : 0)
      if (bytes > maxBytes) throw new Error(`${bytes} bytes, at most ${maxBytes}`)
      return `${bytes} bytes`
    }),
  )
  return new Map([['@headwater/sse', await Promise.all(outcomes)]])
}

async function bytesOf(contents, resolveDir) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir, loader: 'js' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    external: ['react', 'vue', 'svelte'],
    write: false,
    logLevel: 'silent',
  })
  return gzipSync(outputFiles[0].contents, { level: 9 }).length
}
