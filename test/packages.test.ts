import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { rollup } from 'rollup'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const packages = ['sse', 'hub'].map((folder) => {
  const path = join(root, 'packages', folder)
  return { path, manifest: JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as Manifest }
})

/** What runs only with a library of the user's, and which. */
const peers: Record<string, string> = { 'headwater/ai-sdk/client': 'ai', 'headwater/trpc': '@trpc/server' }

interface Manifest {
  name: string
  version: string
  sideEffects: boolean
  peerDependencies: Record<string, string>
  peerDependenciesMeta: Record<string, { optional: boolean }>
  exports: Record<string, string | { types: string; default: string }>
}

/** Tarballs as a registry would get them, and an empty folder of a user's that has them installed. */
let shop: string
let tarballs: Map<string, string>
let user: string
let installedWithUs: string[]

/** What a user of the bindings has, and nobody else needs. */
const frameworks = ['react', 'svelte', 'vue']

beforeAll(() => {
  shop = mkdtempSync(join(tmpdir(), 'headwater-packages-'))
  tarballs = new Map(
    packages.map(({ path, manifest }) => {
      const output = execFileSync('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', shop], {
        cwd: path,
      })
      const [packed] = Object.values(JSON.parse(String(output))) as { filename: string }[]
      if (!packed) throw new Error(`npm pack made nothing of ${manifest.name}`)
      return [manifest.name, join(shop, packed.filename)]
    }),
  )
  user = join(shop, 'user')
  mkdirSync(user)
  writeFileSync(join(user, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
  const install = ['install', '--loglevel=error', '--no-fund', '--no-audit', '--prefer-offline', ...tarballs.values()]
  execFileSync('npm', install, { cwd: user })
  installedWithUs = readdirSync(join(user, 'node_modules'))
  for (const framework of frameworks) {
    symlinkSync(join(root, 'node_modules', framework), join(user, 'node_modules', framework))
  }
}, 120_000)

afterAll(() => rmSync(shop, { recursive: true, force: true }))

/** Runs a module in the user's folder and gives what it printed. */
function runAsUser(source: string, ...flags: string[]): string {
  writeFileSync(join(user, 'main.mjs'), source)
  return execFileSync(process.execPath, [...flags, 'main.mjs'], { cwd: user, encoding: 'utf8' }).trim()
}

// publint, are-the-types-wrong and sizes are checked by the dry run of a release: release.test.ts.
describe.each(packages)('the package $manifest.name', ({ manifest }) => {
  it('carries a source map for every module, and the source it points to', () => {
    const installed = join(user, 'node_modules', manifest.name)
    const modules = readdirSync(join(installed, 'dist'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      name.endsWith('.js'),
    )
    expect(modules.length).toBeGreaterThan(0)
    for (const module of modules) {
      const map = JSON.parse(readFileSync(join(installed, 'dist', `${module}.map`), 'utf8')) as {
        sources: string[]
        sourcesContent?: string[]
      }
      for (const [index, source] of map.sources.entries()) {
        const embedded = map.sourcesContent?.[index]
        const text = embedded ?? readFileSync(join(installed, 'dist', module, '..', source), 'utf8')
        expect(text.length, `${module} -> ${source}`).toBeGreaterThan(0)
      }
    }
  })

  it('ships no tests, no build state and no configuration of the compiler', () => {
    const listing = execFileSync('tar', ['-tzf', tarballs.get(manifest.name) as string], { encoding: 'utf8' })
      .trim()
      .split('\n')
    expect(listing.filter((name) => /\.test\.|tsbuildinfo|tsconfig/.test(name))).toEqual([])
    expect(listing).toContain('package/README.md')
    expect(listing).toContain('package/LICENSE')
  })

  it('can be imported by every public name after npm pack and npm install', () => {
    const names = publicNames(manifest).filter((name) => peers[name] === undefined)
    const program = `for (const name of ${JSON.stringify(names)}) console.log(name, Object.keys(await import(name)).length > 0)`
    const expected = names.map((name) => `${name} true`)
    expect(runAsUser(program).split('\n')).toEqual(expected)
    // Some resolve their own packages to sources, by this condition.
    expect(runAsUser(program, '--conditions=source').split('\n')).toEqual(expected)
  })
})

it('the packages install no framework', () => {
  expect(installedWithUs).toContain('headwater')
  expect(installedWithUs.filter((name) => frameworks.includes(name))).toEqual([])
})

it('the packages are installed beside any version of a framework, as npm refuses an optional peer that does not fit', () => {
  const [sse, hub] = packages.map(({ manifest }) => manifest)
  expect(sse!.peerDependencies).toEqual({ react: '*', svelte: '*', vue: '*' })
  const adapted = ['@modelcontextprotocol/sdk', '@modelcontextprotocol/server', '@tanstack/ai', '@trpc/server', 'ai']
  expect(hub!.peerDependencies).toMatchObject(Object.fromEntries(adapted.map((name) => [name, '*'])))
  for (const { peerDependencies, peerDependenciesMeta } of [sse!, hub!]) {
    expect(Object.keys(peerDependenciesMeta)).toEqual(Object.keys(peerDependencies))
  }
})

function publicNames({ name, exports }: Manifest): string[] {
  return Object.keys(exports)
    .filter((path) => !path.endsWith('.json'))
    .map((path) => `${name}${path.slice(1)}`)
}

it.each(Object.entries(peers))('an installed %s asks for %s, and runs with it', (name, peer) => {
  const program = `
    const found = await import(${JSON.stringify(name)}).catch((error) => error.message)
    console.log(typeof found === 'string' ? found : Object.keys(found).length > 0)`
  expect(runAsUser(program)).toMatch(new RegExp(`^Cannot find package '${peer}'`))
  const link = join(user, 'node_modules', peer)
  mkdirSync(dirname(link), { recursive: true })
  symlinkSync(join(root, 'node_modules', peer), link)
  expect(runAsUser(program)).toBe('true')
  rmSync(link)
})

it('an installed @headwater/sse server and client talk to each other', () => {
  const printed = runAsUser(`
    import { createServer } from 'node:http'
    import { EventSource } from '@headwater/sse/client'
    import { createSession } from '@headwater/sse/server'
    const server = createServer(async (req, res) => {
      const session = createSession(req, res)
      await session.send({ type: 'greeting', data: 'from the tarball', id: '1' })
    })
    server.listen(0, '127.0.0.1', () => {
      const source = new EventSource('http://127.0.0.1:' + server.address().port)
      source.addEventListener('greeting', ({ data, lastEventId }) => {
        console.log(data, lastEventId)
        source.close()
        server.close()
        server.closeAllConnections()
      })
    })`)
  expect(printed).toBe('from the tarball 1')
})

it('an installed headwater runs from npx', () => {
  const help = execFileSync('npx', ['--no-install', 'headwater', '--version'], { cwd: user, encoding: 'utf8' })
  expect(help.trim()).toBe(packages[1]?.manifest.version)
})

it('an installed headwater can be bundled where pg is not installed', async () => {
  const { errors, warnings } = await build({
    stdin: { contents: `export * from 'headwater'`, resolveDir: user },
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    logLevel: 'silent',
  })
  expect([...errors, ...warnings]).toEqual([])
})

// The command is linked when packages are installed, and built later.
it('headwater runs from npx in a clone', () => {
  const version = execFileSync('npx', ['--no-install', 'headwater', '--version'], { cwd: root, encoding: 'utf8' })
  expect(version.trim()).toBe(packages[1]?.manifest.version)
})

describe('the browser build of @headwater/sse/client', () => {
  const bundle = async (code: string) => {
    const { outputFiles, metafile } = await build({
      stdin: { contents: code, resolveDir: user, loader: 'js' },
      bundle: true,
      minify: true,
      format: 'esm',
      target: 'es2022',
      platform: 'browser',
      write: false,
      metafile: true,
      logLevel: 'silent',
    })
    return { text: outputFiles[0]?.text ?? '', inputs: Object.keys(metafile.inputs) }
  }

  it.each([
    ['@headwater/sse', 'createParser'],
    ['@headwater/sse/client', 'EventSource'],
    ['@headwater/sse/client', 'events'],
    ['@headwater/sse/live', 'liveEvents'],
    ['@headwater/sse/server', 'createSession'],
  ])('has nothing of %s if nothing of it is used', async (entry, name) => {
    for (const code of [`import '${entry}'`, `import { ${name} } from '${entry}'`]) {
      expect((await bundle(code)).text).toBe('')
      expect((await rolledUp(code)).trim()).toBe('')
    }
  })

  /** What Rollup makes of it, which goes by `sideEffects` of the manifest as its usual plugin does. */
  async function rolledUp(code: string): Promise<string> {
    const { path, manifest } = packages[0]!
    const built = await rollup({
      input: 'program',
      plugins: [
        {
          name: 'program',
          resolveId(id) {
            if (id === 'program') return id
            const entry = manifest.exports[id.replace(manifest.name, '.')]
            return typeof entry === 'object'
              ? { id: join(path, entry.default), moduleSideEffects: manifest.sideEffects }
              : null
          },
          load: (id) => (id === 'program' ? code : null),
        },
      ],
    })
    const { output } = await built.generate({})
    return output[0].code
  }

  it('holds nothing of Node', async () => {
    const { text, inputs } = await bundle(`export * from '@headwater/sse/client'`)
    expect(text).not.toMatch(/node:|\bprocess\.|\bBuffer\b|\brequire\(/)
    expect(inputs.filter((input) => input.includes('/server/'))).toEqual([])
  })
})
