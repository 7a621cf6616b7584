import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Outcome } from './parse-hostile-stream.ts'

const mebibyte = 2 ** 20
const timeout = 300_000

async function parseAlone(stream: string): Promise<Outcome> {
  const child = fileURLToPath(new URL('parse-hostile-stream.ts', import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [child, stream], { timeout })
  return JSON.parse(stdout)
}

describe('a parser', { timeout }, () => {
  it('takes no more than three times the size of a 256 MiB event that is one line in chunks of 1 KiB', async () => {
    const { events, errors, risenBytes } = await parseAlone('line')
    expect({ events, errors }).toEqual({ events: [{ length: 256 * mebibyte, lines: 1, last: 'x' }], errors: [] })
    expect(risenBytes).toBeLessThan(3 * 256 * mebibyte)
  })

  it('takes no more than three times the size of a 256 MiB event of data lines of 8 bytes', async () => {
    const { events, errors, risenBytes } = await parseAlone('lines')
    const lines = 32 * mebibyte
    expect({ events, errors }).toEqual({ events: [{ length: 2 * lines - 1, lines, last: 'x' }], errors: [] })
    expect(risenBytes).toBeLessThan(3 * 256 * mebibyte)
  })

  it('reads an event of 150,000 empty data lines, each a chunk', async () => {
    const { events, errors } = await parseAlone('empty lines')
    expect({ events, errors }).toEqual({ events: [{ length: 149_999, lines: 150_000, last: '\n' }], errors: [] })
  })

  it.each(['endless line', 'endless event'])(
    'gives up an %s and takes no more than three times the limit of 100 MiB',
    async (stream) => {
      const { events, errors, risenBytes } = await parseAlone(stream)
      expect({ events, errors }).toEqual({ events: [], errors: ['EVENT_TOO_LARGE'] })
      expect(risenBytes).toBeLessThan(3 * 100 * mebibyte)
    },
  )

  it.each(['endless comment', 'endless field name'])(
    'ignores an %s and takes no more than three times the limit of 100 MiB',
    async (stream) => {
      const { events, errors, risenBytes } = await parseAlone(stream)
      expect({ events, errors }).toEqual({ events: [], errors: [] })
      expect(risenBytes).toBeLessThan(3 * 100 * mebibyte)
    },
  )

  it('keeps nothing of 64 MiB of heartbeats', async () => {
    const { events, errors, risenBytes } = await parseAlone('heartbeats')
    expect({ events, errors }).toEqual({ events: [], errors: [] })
    expect(risenBytes).toBeLessThan(32 * mebibyte)
  })
})
