import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer, json, text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

// The scripts are JavaScript, as they run before anything is installed.
const script = (name: string) => import(new URL(`../scripts/release/${name}.mjs`, import.meta.url).href)

const { repositoryOf } = (await script('repository')) as { repositoryOf(url: string): Repository }
const { stage } = (await script('stage')) as { stage(options: object): Staged }
const { publish, reasonNotToPublish } = (await script('publish')) as {
  publish(packages: Staged[], env: object): Promise<number>
  reasonNotToPublish(repository: Repository | undefined, version: string): string | undefined
}
const { withVersion } = (await script('manifests')) as { withVersion(text: string, version: string): string }
const { releaseChangelog, sectionOf } = (await script('changelog')) as {
  releaseChangelog(text: string, version: string, date: string): string
  sectionOf(text: string, version: string): string | undefined
}

/** What npm sends to a registry. */
interface Document {
  readonly versions: Record<string, Record<string, unknown>>
  readonly 'dist-tags': Record<string, string>
}

interface Repository {
  fields(directory: string): Record<string, unknown>
}

interface Staged {
  readonly name: string
  readonly version: string
  readonly manifest: Record<string, unknown>
  readonly files: readonly string[]
  readonly integrity: string
}

const url = 'https://example.com/owner/name'

describe('npm run release -- --dry-run', () => {
  const release = async (...args: string[]) => {
    const child = spawn(process.execPath, [join(root, 'scripts/release.mjs'), '--dry-run', ...args])
    const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
    return { output, errors, code }
  }

  test('packs, checks, installs and uses what is built, and says what it found', async () => {
    const { output, errors, code } = await release('--no-build', '--repository', url)
    expect({ output, errors, code }).toMatchObject({ output: expect.not.stringContaining('FAILED'), code: 0 })
    expect(output).toMatch(/^@headwater\/sse \S+: \d+ files, [\d,]+ kB packed, [\d,]+ kB unpacked$/m)
    for (const check of [
      'publint',
      'are the types wrong',
      'files',
      'manifest',
      'provenance +ok +https://example.com/owner/name#readme',
      'imports without frameworks',
      'imports',
      'types',
      'size of EventSource',
      'size of useEvents \\(react\\)',
      'npx headwater --version',
      'headwater serve',
    ]) {
      expect(output).toMatch(new RegExp(check.includes(' +ok') ? check : `^ +${check} +ok`, 'm'))
    }
    expect(output).toMatch(/\d+ checks passed, 0 failed/)
  })

  // Not by the command, which would publish if it did not refuse.
  test('publishes nothing that does not say where its source is', () => {
    expect(reasonNotToPublish(undefined, '0.1.0')).toContain('give --repository URL, or try it with --dry-run')
    expect(reasonNotToPublish(repositoryOf(url), '0.0.0-never')).toMatch(
      /not everything is committed|no tag v0\.0\.0-never/,
    )
  })

  test('refuses a flag or a repository that it does not understand', async () => {
    expect(await release('--dryrun')).toMatchObject({ code: 1, errors: expect.stringContaining("'--dryrun'") })
    for (const wrong of ['owner/name', 'http://example.com/owner/name', 'https://user@example.com/owner/name']) {
      const { code, errors } = await release('--repository', wrong)
      expect([code, errors]).toEqual([1, expect.stringContaining('must be like https://example.com/owner/name')])
    }
  })
})

describe('a package that is to be published', () => {
  test('says where its source is, from one URL in any form', () => {
    const fields = {
      repository: { type: 'git', url: `git+${url}.git`, directory: 'packages/sse' },
      bugs: { url: `${url}/issues` },
      homepage: `${url}#readme`,
    }
    for (const form of [url, `${url}/`, `${url}.git`, `git+${url}.git`]) {
      expect(repositoryOf(form).fields('packages/sse')).toEqual(fields)
    }
  })

  test('is published with all that, after those it depends on, and only once', async () => {
    const registry = await startRegistry()
    const packages = [stagePackage('one', '1.0.0'), stagePackage('two', '1.0.0')]
    expect(packages[0]!.files).toEqual(['index.js', 'package.json'])
    registry.refusesNext()
    expect(await publish(packages, registry.env)).not.toBe(0)
    expect(await publish(packages, registry.env)).toBe(0)
    expect(await publish(packages, registry.env)).toBe(0)
    expect(registry.published).toEqual([
      ['@headwater-test/one', expect.objectContaining({ repository: expect.objectContaining({ directory: 'x/one' }) })],
      ['@headwater-test/two', expect.objectContaining({ homepage: `${url}#readme` })],
    ])
    const [, manifest] = registry.published[0]!
    expect(manifest).not.toHaveProperty('devDependencies')
    expect(manifest).toMatchObject({ publishConfig: { access: 'public' } })
  })

  test('is not published if its version is something else already', async () => {
    const registry = await startRegistry()
    expect(await publish([stagePackage('one', '1.0.0')], registry.env)).toBe(0)
    expect(await publish([stagePackage('one', '1.0.0', 'export const changed = true\n')], registry.env)).toBe(1)
    expect(registry.published).toHaveLength(1)
  })

  test('is not published from where nobody can state where it was built, unless told to', async () => {
    const registry = await startRegistry()
    const asks = stagePackage('one', '1.0.0', undefined, true)
    expect(asks.manifest.publishConfig).toEqual({ access: 'public', provenance: true })
    expect(await publish([asks], registry.env)).not.toBe(0)
    expect(registry.published).toEqual([])
  })

  test('is not what everybody gets if it is a prerelease', async () => {
    const registry = await startRegistry()
    expect(await publish([stagePackage('one', '2.0.0-rc.1')], registry.env)).toBe(0)
    expect(registry.tags).toEqual({ next: '2.0.0-rc.1' })
  })

  test.each(['sse', 'hub'])('is not published by npm publish in packages/%s', async (name) => {
    const child = spawn('npm', ['publish', '--dry-run'], { cwd: join(root, 'packages', name) })
    const [errors, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    expect([code, errors]).toEqual([1, expect.stringContaining('Publish by npm run release')])
  })
})

describe('a version', () => {
  const changelog = `# Changelog\n\nNotable changes.\n\n## Unreleased: 0.1.0\n\nThe first.\n\n- a\n- b\n\n## 0.0.1 (2026-01-01)\n\n- old\n`

  test('gets the changes that are unreleased, and leaves room for the next', () => {
    const released = releaseChangelog(changelog, '0.1.0', '2026-02-03')
    expect(released).toBe(changelog.replace('## Unreleased: 0.1.0\n', '## Unreleased\n\n## 0.1.0 (2026-02-03)\n'))
    expect(sectionOf(released, '0.1.0')).toBe('The first.\n\n- a\n- b')
    expect(sectionOf(released, '0.1')).toBeUndefined()
  })

  test.each([
    ['0.0.1', 'has a section 0.0.1 already'],
    ['v0.1.0', 'not like 1.2.3'],
  ])('%s is refused, as the changelog %s', (version, message) => {
    expect(() => releaseChangelog(changelog, version, '2026-02-03')).toThrow(message)
  })

  test('is not made of no change', () => {
    const released = releaseChangelog(changelog, '0.1.0', '2026-02-03')
    expect(() => releaseChangelog(released, '0.2.0', '2026-02-04')).toThrow('no change under "Unreleased"')
    expect(() => releaseChangelog('# Changelog\n', '0.2.0', '2026-02-04')).toThrow('no section "Unreleased"')
  })

  test('can be made of the changelog as it is', () => {
    const text = readFileSync(join(root, 'CHANGELOG.md'), 'utf8')
    expect(sectionOf(releaseChangelog(text, '99.0.0', '2026-02-03'), '99.0.0')).toContain('\n- ')
  })

  test('is set in each manifest of ours, and where they depend on each other', () => {
    const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { workspaces: string[] }
    for (const folder of workspaces) {
      const before = readFileSync(join(root, folder, 'package.json'), 'utf8')
      const after = JSON.parse(withVersion(before, '99.0.0'))
      const expected = JSON.parse(before)
      if (expected.version) expected.version = '99.0.0'
      for (const dependencies of [expected.dependencies, expected.devDependencies]) {
        for (const name of ['headwater', '@headwater/sse']) {
          if (dependencies?.[name]) dependencies[name] = dependencies[name].replace(/\d.*/, '99.0.0')
        }
      }
      expect(after).toEqual(expected)
    }
  })
})

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-release-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A small package as it would be published. */
function stagePackage(name: string, version: string, code = 'export {}\n', provenance = false): Staged {
  const from = join(temporaryFolder(), name)
  mkdirSync(from)
  const manifest = { name: `@headwater-test/${name}`, version, type: 'module', exports: './index.js', license: 'MIT' }
  writeFileSync(join(from, 'package.json'), JSON.stringify({ ...manifest, devDependencies: { vitest: '5.0.0' } }))
  writeFileSync(join(from, 'index.js'), code)
  const { fields } = repositoryOf(url)
  const repository = { fields: () => fields(`x/${name}`) }
  return stage({ from, to: temporaryFolder(), repository, provenance })
}

/** A registry with nothing in it but what a test publishes, on 127.0.0.1. */
async function startRegistry() {
  const published: [name: string, manifest: Record<string, unknown>][] = []
  const tags: Record<string, string> = {}
  const documents = new Map<string, unknown>()
  let isRefusing = false
  const server: Server = createServer(async (request, response) => {
    const name = decodeURIComponent((request.url ?? '').slice(1))
    const answer = (status: number, body: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    if (request.method === 'PUT') {
      const document = (await json(request)) as Document
      if (isRefusing) {
        isRefusing = false
        return answer(403, { error: 'not now' })
      }
      documents.set(name, document)
      published.push([name, Object.values(document.versions)[0]!])
      Object.assign(tags, document['dist-tags'])
      return answer(201, { ok: true })
    }
    await buffer(request)
    const document = documents.get(name)
    answer(document ? 200 : 404, document ?? { error: 'not found' })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const env = {
    ...process.env,
    // Where npm could have somebody state where it was built.
    GITHUB_ACTIONS: '',
    GITLAB_CI: '',
    npm_config_registry: `http://${host}/`,
    [`npm_config_//${host}/:_authToken`]: 'of-a-test',
    npm_config_cache: temporaryFolder(),
    npm_config_userconfig: join(temporaryFolder(), 'none'),
    npm_config_loglevel: 'error',
  }
  const refusesNext = () => {
    isRefusing = true
  }
  return { env, published, tags, refusesNext }
}
