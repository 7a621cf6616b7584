import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { headwater, startHub } from '../running.ts'

function configuration(values: object): string[] {
  const path = join(temporaryDirectory(), 'headwater.config.json')
  writeFileSync(path, JSON.stringify(values))
  return ['--config', path]
}

describe("a command beside the hub takes from the hub's configuration", () => {
  test('where it listens', async () => {
    const hub = await startHub()
    const file = configuration({ listen: new URL(hub.url).host, maxAge: '1h' })
    const publish = headwater('publish', ...file, '-t', 'a', 'x')
    expect([await publish.ended(), publish.stderr]).toEqual([0, ''])
    const tail = headwater('tail', ...file, '--last-event-id', 'earliest')
    await tail.said(/^x\n$/)
    const elsewhere = headwater('publish', ...file, '--hub', 'http://127.0.0.1:1', '-t', 'a', 'x')
    expect(await elsewhere.ended()).toBe(1)
  })

  test('where its events are', async () => {
    const directory = join(temporaryDirectory(), 'events')
    mkdirSync(directory)
    const doctor = headwater('doctor', ...configuration({ store: `file:${directory}` }))
    expect(await doctor.ended()).toBe(1)
    expect(doctor.stdout).toContain(`there is no history in ${directory}`)
  })

  test('what its tokens need', async () => {
    const file = configuration({ issuer: 'https://a.example', audience: ['https://hub.example'], keyAlg: ['HS256'] })
    const token = headwater('token', ...file, '--key', 'x'.repeat(32), '--publish', '*')
    expect([await token.ended(), token.stderr]).toEqual([0, ''])
    const claims = JSON.parse(Buffer.from(token.stdout.split('.')[1]!, 'base64url').toString())
    expect(claims).toMatchObject({ iss: 'https://a.example', aud: 'https://hub.example' })
  })
})
