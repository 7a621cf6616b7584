import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

// The page is a part of the package headwater, which serves the folder as it is. Names without a digest: the hub has
// browsers ask each time, by the tag of the file.
export default defineConfig({
  root: here('.'),
  base: './',
  logLevel: 'warn',
  // The client from its sources, so that the page needs no other build first.
  resolve: { conditions: ['@headwater/source', 'module', 'browser', 'import', 'default'] },
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: here('../hub/dist/dashboard'),
    emptyOutDir: true,
    target: 'es2022',
    sourcemap: true,
    // What is in the bundle, for scripts/third-party.mjs.
    license: { fileName: 'licenses.json' },
    modulePreload: false,
    assetsInlineLimit: 0,
    rolldownOptions: {
      output: { entryFileNames: 'app.js', chunkFileNames: '[name].js', assetFileNames: '[name][extname]' },
    },
  },
})
