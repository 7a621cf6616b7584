// Its tests with its own sources replaced by the adapter.
import { dirname, join } from 'node:path'
import { transform } from 'esbuild'
import { defineConfig } from 'vitest/config'

const { PEER_CHECKOUT: checkout, PEER_ADAPTER: adapter, PEER_REPLACED, PEER_FILES } = process.env
const replaced = JSON.parse(PEER_REPLACED).map((path) => join(checkout, path))
const ours = (path) => join(import.meta.dirname, '..', path)

export default defineConfig({
  root: checkout,
  plugins: [
    {
      name: 'peer',
      enforce: 'pre',
      resolveId(specifier, importer) {
        if (!importer?.startsWith(checkout)) return undefined
        if (specifier === 'eventsource') return ours('adapters/eventsource.mjs')
        if (specifier === 'eventsource-encoder') return ours('node_modules/eventsource-encoder/dist/index.js')
        if (!specifier.startsWith('.')) return undefined
        const path = join(dirname(importer), specifier).replace(/\.ts$/, '')
        return replaced.includes(path) ? adapter : undefined
      },
      // Without its tsconfig.json, which extends packages that are not installed.
      async transform(code, id) {
        if (!id.endsWith('.ts')) return undefined
        return transform(code, { loader: 'ts', target: 'es2022', tsconfigRaw: '{}', sourcemap: 'inline' })
      },
    },
  ],
  oxc: false,
  esbuild: false,
  test: { include: JSON.parse(PEER_FILES), testTimeout: 2000, hookTimeout: 1000, watch: false },
})
