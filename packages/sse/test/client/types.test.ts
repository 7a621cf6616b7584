import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const tsc = (...options: string[]) =>
  promisify(execFile)(process.execPath, [`${root}node_modules/typescript/bin/tsc`, ...options], { cwd: root }).catch(
    (error) => Promise.reject(new Error(error.stdout || error.message)),
  )

// The published declarations, as a user gets them.
beforeAll(() => tsc('--build', 'packages/sse/src/client'))

describe('the declarations', () => {
  for (const [whose, lib, types] of [
    ["the browser's types and none of Node's", 'es2023,dom', ''],
    ["Node's types and none of the browser's", 'es2023', 'node'],
  ] as const)
    it(`compile with ${whose}, libraries checked`, async () => {
      const { stdout } = await tsc(
        ...['--noEmit', '--ignoreConfig', '--strict', '--exactOptionalPropertyTypes', '--skipLibCheck', 'false'],
        ...['--target', 'es2022', '--module', 'nodenext', '--lib', lib, '--types', types],
        fileURLToPath(new URL('types/use.ts', import.meta.url)),
      )
      expect(stdout).toBe('')
    })
})
