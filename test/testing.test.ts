import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { installed, reasonToSkip } from '../conformance/runners/runtimes.ts'

// @headwater/sse/testing as people use it: built, under the runners and runtimes that they have.

const run = promisify(execFile)
const folder = fileURLToPath(new URL('../conformance/testing', import.meta.url))

it('works in Jest: in Node and in jsdom, with its fake timers, and in handlers of msw 2 and 3', async () => {
  const jest = ['--experimental-vm-modules', 'node_modules/jest/bin/jest.js', '--runInBand', '--json']
  const { stdout } = await run(installed.node24.path, jest, { cwd: folder })
  const { numPassedTests, numFailedTests, numPendingTests } = JSON.parse(stdout)
  expect({ numPassedTests, numFailedTests, numPendingTests }).toEqual({
    numPassedTests: 11,
    numFailedTests: 0,
    numPendingTests: 0,
  })
})

describe('works without a test runner, with a socket, without one, and with its clock,', () => {
  const runtimes: [string, (typeof installed)['node20'], string[]][] = [
    ['in Node 20', installed.node20, []],
    ['in Node 24', installed.node24, []],
    ['in Bun', installed.bun, ['run']],
    ['in Deno', installed.deno, ['run', '--allow-net', '--allow-read', '--allow-env', '--no-lock']],
  ]
  for (const [name, runtime, args] of runtimes) {
    const reason = reasonToSkip(runtime)
    it.skipIf(reason)(reason ? `${name} (${reason})` : name, async () => {
      const { stdout } = await run(runtime.path, [...args, `${folder}/plain.mjs`], { cwd: folder })
      expect(stdout.trim().split('\n')).toEqual([
        'socket: one, two; IDs: "", "1"',
        'fetch and clock: one, two; IDs: "", "1"; after 3000 ms',
      ])
    })
  }
})
