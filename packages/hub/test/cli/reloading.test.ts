import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { startHub } from './running.ts'

const hubPath = '/.well-known/mercure'
let file: string

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-reloading-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  file = join(directory, 'headwater.config.json')
})

const write = (configuration: unknown) => writeFileSync(file, JSON.stringify(configuration))

/** A subscriber that reads on until it has seen a text. */
async function subscribe(url: string) {
  const response = await fetch(`${url}${hubPath}?match=a`)
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  onTestFinished(() => reader.cancel())
  let seen = ''
  return {
    async until(text: string): Promise<void> {
      while (!seen.includes(text)) {
        const { done, value } = await reader.read()
        if (done) throw new Error(`the stream ended before ${text} came: ${seen}`)
        seen += value
      }
    },
  }
}

describe('a hub at SIGHUP', () => {
  test('goes by the limits and the log level of its configuration from then on, and drops nobody', async () => {
    write({ maxTopics: 1 })
    const hub = await startHub('--config', file)
    const stream = await subscribe(hub.url)
    const publish = (body: string) =>
      fetch(hub.url + hubPath, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
      })
    expect((await publish('topic=a&topic=b&data=too-many')).status).toBe(413)

    write({ maxTopics: 2, logLevel: 'debug' })
    hub.child.kill('SIGHUP')
    await hub.said(/limits, keys and the log level are those of the configuration as it is now/, 'stderr')
    expect((await publish('topic=a&topic=b&data=after-reload')).status).toBe(200)
    await stream.until('data: after-reload')
    await hub.said(/ debug answered 200 to a POST \(publish\) from 127\.0\.0\.1\.\n/, 'stderr')

    for (const broken of ['{"maxTopics": 7, "publisherKey": "secret', JSON.stringify({ maxTopics: 0, nonsense: 1 })]) {
      const before = hub.stderr.length
      writeFileSync(file, broken)
      hub.child.kill('SIGHUP')
      await hub.said(
        new RegExp(
          `^[^]{${before}}[^]*error nothing was reloaded, and all stays as it was: .*headwater\\.config\\.json`,
        ),
        'stderr',
      )
      expect((await publish('topic=a&topic=b&data=as-before')).status).toBe(200)
      expect((await publish('topic=a&topic=b&topic=c')).status).toBe(413)
    }
    await stream.until('data: as-before')
    expect(hub.stderr).not.toContain('secret')
    // However much is wrong, it is one line.
    expect(hub.stderr.match(/nothing was reloaded.*maxTopics.*; .*nonsense/)).not.toBeNull()
  })

  test('says what of the configuration has changed but needs a restart', async () => {
    write({ idleTimeout: '90s' })
    const hub = await startHub('--config', file)
    write({ idleTimeout: '100s', durability: 'fast', maxMatchers: 7 })
    hub.child.kill('SIGHUP')
    await hub.said(/ warn {2}changed, but only used after a restart: idleTimeout, durability\.\n/, 'stderr')
  })

  test('many times in a row does it one after another, and serves on', async () => {
    write({})
    const hub = await startHub('--config', file)
    const stream = await subscribe(hub.url)
    for (let n = 0; n < 20; n++) hub.child.kill('SIGHUP')
    await hub.said(/as it is now/, 'stderr')
    await fetch(hub.url + hubPath, { method: 'POST', body: new URLSearchParams({ topic: 'a', data: 'still here' }) })
    await stream.until('data: still here')
  })
})
