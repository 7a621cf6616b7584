import { defaultClientConditions, defineConfig } from 'vite'

/**
 * `vite build`: the page of a hub, for the package headwater. `--mode static`: the page without a
 * hub; `--mode service-worker`: what plays the lessons for it.
 */
export default defineConfig(({ mode }) => ({
  // Relative, as a proxy or a site of documentation may serve the page anywhere.
  base: './',
  resolve: { conditions: ['@headwater/source', ...defaultClientConditions] },
  build: {
    outDir: mode === 'production' ? '../hub/dist/learn-page' : 'dist/static',
    emptyOutDir: mode !== 'service-worker',
    copyPublicDir: mode !== 'service-worker',
    target: 'es2022',
    sourcemap: true,
    modulePreload: false,
    // In the hub's package, for scripts/third-party.mjs; else beside the page.
    license: { fileName: mode === 'production' ? 'licenses.json' : `licenses-${mode}.md` },
    ...(mode === 'service-worker'
      ? {
          lib: {
            entry: 'src/service-worker.ts',
            formats: ['iife'],
            name: 'headwaterLearn',
            fileName: () => 'service-worker.js',
          },
        }
      : {
          rolldownOptions: {
            // No hashes: the hub's ETags tell versions apart, and the names stay the same in the
            // package.
            output: { entryFileNames: 'learn.js', chunkFileNames: '[name].js', assetFileNames: 'learn[extname]' },
          },
        }),
  },
}))
