import { describe, expect, test } from 'vitest'
import { workerFlags } from '../../src/base/worker-flags.ts'

describe('a worker is started with', () => {
  test.each([
    [
      ['--conditions=a', '-C=b'],
      ['--conditions=a', '-C=b'],
    ],
    [
      ['--conditions', 'a', '-C', 'b', '--no-warnings'],
      ['--conditions', 'a', '-C', 'b'],
    ],
    [['--input-type=module', '--conditions=a', '--eval', '0'], ['--conditions=a']],
    [[], []],
  ])('of %j: %j', (processFlags, expected) => {
    expect(workerFlags(processFlags)).toEqual(expected)
  })
})
