import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { headwaterCommand } from '../from-source.ts'
import { temporaryDirectory } from '../temporary-directory.ts'

/** The command where Node.js has no `node:sqlite`, as before 22.13. */
async function run(...parameters: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  // In the environment, so that it also holds in the threads.
  const env = { ...process.env, NODE_OPTIONS: '--no-experimental-sqlite' }
  const command = [...headwaterCommand, ...parameters]
  try {
    return {
      code: 0,
      ...(await promisify(execFile)(process.execPath, command, { cwd: temporaryDirectory(), env, timeout: 60_000 })),
    }
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string }
  }
}

describe('on a Node.js without SQLite', () => {
  test('what needs no store works', async () => {
    expect(await run('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
    const key = 'a secret of at least 32 characters'
    expect(await run('token', '--compat', '--key', key, '--publish', '*')).toMatchObject({ code: 0, stderr: '' })
  })

  test('a store on disk is refused in one line that says which version it needs', async () => {
    const { code, stderr } = await run('serve', '--dev', '--listen', ':0')
    expect(code).toBe(2)
    expect(stderr).toMatch(
      /^headwater: --store: A store on disk needs Node\.js 22\.13 or later, .*--store memory:.*\n$/,
    )
  })
})
