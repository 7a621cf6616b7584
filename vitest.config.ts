import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['{packages,conformance,examples,bench}/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**', '.cache/**'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
})
