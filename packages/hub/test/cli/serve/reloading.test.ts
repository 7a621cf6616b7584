import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { HubError } from '../../../src/base/errors.ts'
import { Log } from '../../../src/cli/log/log.ts'
import { openAuthorizer } from '../../../src/cli/options/auth-flags.ts'
import { readConfiguration } from '../../../src/cli/options/configuration.ts'
import { CertificateFiles } from '../../../src/cli/serve/certificate-files.ts'
import { type Reloadable, Reloading } from '../../../src/cli/serve/reloading.ts'
import { serveCommand } from '../../../src/cli/serve/serve.ts'
import type { ServeOptions } from '../../../src/cli/serve/serve-options.ts'
import { defaultLimits } from '../../../src/http/access/limits.ts'
import { certificateFiles, makeCertificate, whyNoCertificates } from '../../certificates.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { startHub } from '../running.ts'

const hubPath = '/.well-known/mercure'
let directory: string
let file: string

beforeEach(() => {
  directory = temporaryDirectory()
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
    await hub.said(/reloaded limits, keys and the log level/, 'stderr')
    expect((await publish('topic=a&topic=b&data=after-reload')).status).toBe(200)
    await stream.until('data: after-reload')
    await hub.said(/ debug answered 200 to a POST \(publish\) from 127\.0\.0\.1\.\n/, 'stderr')

    for (const broken of ['{"maxTopics": 7, "publisherKey": "secret', JSON.stringify({ maxTopics: 0, nonsense: 1 })]) {
      const before = hub.stderr.length
      writeFileSync(file, broken)
      hub.child.kill('SIGHUP')
      await hub.said(
        new RegExp(`^[^]{${before}}[^]*error reload failed, nothing changed: .*headwater\\.config\\.json`),
        'stderr',
      )
      expect((await publish('topic=a&topic=b&data=as-before')).status).toBe(200)
      expect((await publish('topic=a&topic=b&topic=c')).status).toBe(413)
    }
    await stream.until('data: as-before')
    expect(hub.stderr).not.toContain('secret')
    // However much is wrong, it is one line.
    expect(hub.stderr.match(/reload failed, nothing changed.*maxTopics.*; .*nonsense/)).not.toBeNull()
  })

  test('says what of the configuration has changed but needs a restart', async () => {
    write({ idleTimeout: '90s' })
    const hub = await startHub('--config', file)
    write({ idleTimeout: '100s', durability: 'fast', maxMatchers: 7 })
    hub.child.kill('SIGHUP')
    await hub.said(/ warn {2}changed, but used only after a restart: idleTimeout, durability\.\n/, 'stderr')
  })

  test('many times in a row does it one after another, and serves on', async () => {
    write({})
    const hub = await startHub('--config', file)
    const stream = await subscribe(hub.url)
    for (let n = 0; n < 20; n++) hub.child.kill('SIGHUP')
    await hub.said(/reloaded limits, keys/, 'stderr')
    await fetch(hub.url + hubPath, { method: 'POST', body: new URLSearchParams({ topic: 'a', data: 'still here' }) })
    await stream.until('data: still here')
  })
})

describe('reloading', () => {
  test('leaves all as it was that needs a restart, in the further threads, too', async () => {
    const initial = { publicUrls: ['https://before.example'], compression: 'gzip', maxEvents: 7, idleTimeout: '90s' }
    write({ ...initial, dev: true, maxTopics: 1 })
    const { reloading, line, limits, threads, tokens } = await begin()
    const { hubUrl } = tokens
    write({ publicUrls: ['https://after.example'], compression: 'none', idleTimeout: '100s', dev: false, maxTopics: 2 })
    reloading.reload()
    expect(await line()).toMatchObject({ event: 'reloaded' })
    expect(await line()).toMatchObject({
      event: 'restart-needed',
      changed: ['idleTimeout', 'compression', 'maxEvents', 'dev', 'publicUrls'],
    })
    expect(limits.maxTopics).toBe(2)
    expect(tokens.hubUrl).toBe(hubUrl)
    expect(hubUrl).toContain('before.example')
    expect(threads.reload).toHaveBeenCalledExactlyOnceWith(
      expect.objectContaining({ ...initial, idleTimeout: 90, dev: true, maxTopics: 2 }),
    )
  })

  test('says so if a further thread could not, and that others go by the new configuration', async () => {
    write({ dev: true, maxTopics: 1 })
    const { reloading, line, limits, threads } = await begin()
    threads.reload.mockRejectedValueOnce(new HubError('INVALID_OPTION', 'thread 2: the key cannot be read.'))
    write({ dev: true, maxTopics: 2, compression: 'none' })
    reloading.reload()
    const { event, message } = await line()
    expect(event).toBe('reload-failed')
    expect(message).toMatch(
      /^reloaded in part: not every thread applied the new configuration.*: thread 2: the key cannot be read\.$/,
    )
    expect(limits.maxTopics).toBe(2)
    expect(await line()).toMatchObject({ event: 'restart-needed', changed: ['compression'] })
  })

  describe.skipIf(whyNoCertificates())('of a certificate', () => {
    afterEach(() => void vi.useRealTimers())

    test('by itself is tried until it is in use: by each look at the files, told of once, and then no more', async () => {
      vi.useFakeTimers({ toFake: ['setInterval'] })
      const { certPath, keyPath, write: save } = certificateFiles(directory)
      save(makeCertificate())
      write({ dev: true })
      const certificates = new CertificateFiles(certPath, keyPath)
      const looks = vi.spyOn(certificates, 'read')
      const { line, setCertificate } = await begin(certificates)
      const look = async () => {
        vi.advanceTimersByTime(10_000)
        await looks.mock.results.at(-1)!.value
      }
      await look()
      const renewed = makeCertificate()
      save(renewed)
      setCertificate.mockRejectedValueOnce(new HubError('INVALID_OPTION', 'thread 2: no memory.'))
      setCertificate.mockRejectedValueOnce(new HubError('INVALID_OPTION', 'thread 2: no memory.'))
      await look()
      const { event, message } = await line()
      expect(event).toBe('certificate-failed')
      expect(message).toMatch(/trying again\. .*: thread 2: no memory\.$/)
      await look()
      await look()
      expect(await line()).toMatchObject({ event: 'certificate-reloaded' })
      await look()
      expect(setCertificate).toHaveBeenCalledTimes(3)
      expect(String(setCertificate.mock.lastCall![0].cert)).toBe(String(renewed.cert))
    })
  })
})

/** Reloading as `headwater serve --dev` begins it, with threads that do nothing. */
async function begin(certificates?: CertificateFiles) {
  const command = serveCommand()
  command.setOptionValueWithSource('config', file, 'cli')
  readConfiguration(command, {})
  const options = command.opts<ServeOptions>()
  const lines: { event: string; message: string }[] = []
  let wake = () => {}
  const log = new Log({
    format: 'json',
    level: 'info',
    write(text) {
      lines.push(JSON.parse(text))
      wake()
    },
  })
  const target = {
    tokens: await openAuthorizer(options, { onWarning: () => {} }),
    limits: { ...defaultLimits },
    certificates,
    setCertificate: vi.fn<Reloadable['setCertificate']>(async () => {}),
    threads: { reload: vi.fn(async (_: ServeOptions) => {}) },
  } satisfies Reloadable
  if (certificates) certificates.inUse = await certificates.read()
  const reloading = new Reloading(command, log)
  reloading.begin(target)
  /** The next line of the log. */
  const line = async () => {
    while (lines.length === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return lines.shift()!
  }
  return { ...target, reloading, line }
}
