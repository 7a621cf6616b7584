import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'

describe('the bundle of', () => {
  it.each(['react', 'vue', 'svelte'])('useEvents for %s is less than 1 KB beyond liveEvents', async (framework) => {
    const store = await bytesOf(`export { liveEvents } from './live-events.ts'`)
    const both = await bytesOf(`export { useEvents } from './${framework}.ts'`)
    console.log(`useEvents for ${framework}: ${both - store} bytes beyond the ${store} of liveEvents`)
    expect(both - store).toBeLessThan(1024)
  })

  it('liveEvents is less than 2 KB beyond events()', async () => {
    const store = await bytesOf(`export { liveEvents } from './live-events.ts'`)
    const events = await bytesOf(`export { events } from '../client/index.ts'`)
    console.log(`liveEvents: ${store - events} bytes beyond the ${events} of events()`)
    expect(store - events).toBeLessThan(2048)
  })
})

/** Minified and gzipped, without the framework. */
async function bytesOf(contents: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: new URL('../../src/live', import.meta.url).pathname, loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    external: ['react', 'vue', 'svelte'],
    write: false,
    logLevel: 'error',
  })
  return gzipSync(outputFiles[0]!.text, { level: 9 }).length
}
