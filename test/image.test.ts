import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const made: string[] = []

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

function make(): string {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-image-'))
  made.push(directory)
  execFileSync(process.execPath, [join(root, 'scripts/image.mjs'), directory], { stdio: 'pipe' })
  return directory
}

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`
const blobAt = (image: string, { digest }: Descriptor) => readFileSync(join(image, 'blobs/sha256', digest.slice(7)))
const jsonOf = (bytes: Buffer) => JSON.parse(bytes.toString())

describe.skipIf(process.platform !== 'linux')('npm run image', { timeout: 300_000 }, () => {
  let image: string
  beforeAll(() => {
    image = make()
  }, 300_000)
  afterAll(() => {
    for (const directory of made) rmSync(directory, { recursive: true, force: true })
  })

  const manifestOf = (directory: string) => {
    const index = jsonOf(readFileSync(join(directory, 'index.json')))
    return { index, manifest: jsonOf(blobAt(directory, index.manifests[0])) }
  }

  test('makes an OCI layout whose digests and sizes are those of its files, and nothing else is in it', () => {
    expect(jsonOf(readFileSync(join(image, 'oci-layout')))).toEqual({ imageLayoutVersion: '1.0.0' })
    const { index, manifest } = manifestOf(image)
    const descriptors: Descriptor[] = [index.manifests[0], manifest.config, ...manifest.layers]
    for (const descriptor of descriptors) {
      const bytes = blobAt(image, descriptor)
      expect([digestOf(bytes), bytes.length]).toEqual([descriptor.digest, descriptor.size])
    }
    expect(readdirSync(join(image, 'blobs/sha256')).sort()).toEqual(
      descriptors.map(({ digest }) => digest.slice(7)).sort(),
    )
    const config = jsonOf(blobAt(image, manifest.config))
    expect(config.rootfs.diff_ids).toEqual(
      manifest.layers.map((layer: Descriptor) => digestOf(gunzipSync(blobAt(image, layer)))),
    )
    expect(config.history).toHaveLength(3)
  })

  test('says what runs, as nobody special, with labels that name no place', () => {
    const { manifest } = manifestOf(image)
    const { config, os } = jsonOf(blobAt(image, manifest.config))
    expect(os).toBe('linux')
    expect(config).toMatchObject({
      User: '65532:65532',
      Cmd: ['serve'],
      StopSignal: 'SIGTERM',
      ExposedPorts: { '3000/tcp': {} },
      Volumes: { '/data': {} },
    })
    expect(config.Labels['org.opencontainers.image.title']).toBe('headwater')
    expect(JSON.stringify(config.Labels)).not.toMatch(/:\/\//)
  })

  test('makes the same image again, byte for byte', () => {
    expect(manifestOf(make()).index).toEqual(manifestOf(image).index)
  })

  test('makes layers from which the hub runs, with nothing of this machine beside them', async ({ skip }) => {
    const isRoot = process.getuid?.() === 0
    if (!isRoot || !existsSync('/usr/sbin/chroot'))
      skip('only root, with chroot, may change the root folder of a process')
    const directory = mkdtempSync(join(tmpdir(), 'headwater-root-'))
    chmodSync(directory, 0o755)
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
    const { manifest } = manifestOf(image)
    for (const layer of manifest.layers as Descriptor[]) {
      execFileSync('tar', ['-xzf', join(image, 'blobs/sha256', layer.digest.slice(7)), '-C', directory, '--same-owner'])
    }
    expect(readdirSync(directory).sort()).toEqual(expect.arrayContaining(['app', 'data', 'etc', 'tmp', 'usr']))
    expect(existsSync(join(directory, 'bin'))).toBe(false)
    expect(statSync(join(directory, 'data')).uid).toBe(65532)
    const { config } = jsonOf(blobAt(image, manifest.config))
    const env = Object.fromEntries(config.Env.map((each: string) => each.split(/=(.*)/s).slice(0, 2)))
    const inside = (...command: string[]): ChildProcess =>
      spawn('/usr/sbin/chroot', [`--userspec=${config.User}`, directory, ...command], {
        env: { ...env, HEADWATER_LISTEN: '127.0.0.1:0', HEADWATER_DEV: 'true' },
        stdio: ['ignore', 'pipe', 'pipe'],
      })

    const hub = inside(...config.Entrypoint, ...config.Cmd)
    const exited = once(hub, 'exit')
    onTestFinished(async () => {
      hub.kill('SIGKILL')
      await exited
    })
    let stderr = ''
    hub.stderr!.setEncoding('utf8').on('data', (text) => {
      stderr += text
    })
    const [line] = await Promise.race([once(createInterface(hub.stdout!), 'line'), exited])
    const url = /^headwater listening on (\S+)$/.exec(String(line))?.[1]
    expect(url, stderr).toBeDefined()
    expect(readFileSync(`/proc/${hub.pid}/status`, 'utf8')).toMatch(/^Uid:\t65532\t65532/m)
    const published = await fetch(`${url}/.well-known/mercure`, {
      method: 'POST',
      body: new URLSearchParams({ topic: 'a', data: 'from the image' }),
    })
    expect(published.status).toBe(200)
    expect(await (await fetch(`${url}/readyz`)).text()).toContain('ready')
    expect(await (await fetch(`${url}/`)).text()).toContain('<html')

    const tail = inside(...config.Entrypoint, 'tail', '--hub', url!, '-t', 'a', '--since', '-1')
    const [said] = await once(createInterface(tail.stdout!), 'line')
    expect(said).toBe('from the image')
    tail.kill('SIGKILL')
    hub.kill('SIGTERM')
    expect((await exited)[0]).toBe(0)
    expect(readdirSync(join(directory, 'data'))).toContain('headwater.db')
  })

  test('refuses a folder that is not empty', () => {
    const directory = mkdtempSync(join(tmpdir(), 'headwater-image-'))
    made.push(directory)
    cpSync(join(root, 'package.json'), join(directory, 'package.json'))
    expect(() =>
      execFileSync(process.execPath, [join(root, 'scripts/image.mjs'), directory], { stdio: 'pipe' }),
    ).toThrow('is not empty')
  })
})
