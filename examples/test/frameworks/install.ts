import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { basename, delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { pinnedNode } from '../../../conformance/runners/runtimes.ts'
import type { Framework } from './frameworks.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/**
 * Outside the repository, where a package that an example lacks would be found in the repository's own
 * node_modules. Kept, because an installation takes longer than all the rest.
 */
const workshop = join(tmpdir(), `headwater-frameworks-${userInfo().uid}`)

/** An example as a user has it: copied, with its locked dependencies and our packed packages, and built. */
export interface BuiltExample {
  folder: string
  /** The command that starts its server. */
  start: Command
  /** The command of the framework's development server, if that takes `--port`. */
  develop: Command | undefined
  env: NodeJS.ProcessEnv
  /** How long it took, in seconds. */
  installSeconds: number
  buildSeconds: number
}

export type Command = [command: string, ...args: string[]]

/** Why an example cannot be installed here, which is no fault of its own. */
export class NotInstallable extends Error {}

export async function buildExample({ name, bun }: Framework): Promise<BuiltExample> {
  const folder = join(workshop, name)
  const env = environment(folder, bun && join(bun.path, '..'))
  const began = performance.now()
  const { scripts } = copy(name, folder)
  await install(folder, env)
  const installed = performance.now()
  for (const script of ['typecheck', 'build']) if (scripts[script]) await run(['npm', 'run', script], folder, env)
  const built = performance.now()
  const seconds = (from: number, to: number) => Math.round((to - from) / 1000)
  return {
    folder,
    start: scripts.start!.split(' ') as Command,
    develop: /^\S+ dev$/.test(scripts.dev ?? '') ? (scripts.dev!.split(' ') as Command) : undefined,
    env,
    installSeconds: seconds(began, installed),
    buildSeconds: seconds(installed, built),
  }
}

/** Copies what git has of it, and removes what an earlier run has left: a build must not find another. */
function copy(name: string, folder: string): { scripts: Record<string, string> } {
  const source = join(root, 'examples/frameworks', name)
  mkdirSync(folder, { recursive: true })
  for (const entry of readdirSync(folder)) {
    if (entry !== 'node_modules' && entry !== stampName) rmSync(join(folder, entry), { recursive: true, force: true })
  }
  const ignored = readFileSync(join(source, '../.gitignore'), 'utf8').split('\n')
  cpSync(source, folder, { recursive: true, filter: (path) => path === source || !ignored.includes(basename(path)) })
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}

async function install(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const tarballs = await packed()
  const hash = createHash('sha256').update(readFileSync(join(folder, 'package-lock.json')))
  for (const { manifest } of packages) hash.update(JSON.stringify(manifest.dependencies ?? {}))
  const stamp = hash.digest('hex')
  const stampFile = join(folder, stampName)
  if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stamp) {
    rmSync(stampFile, { force: true })
    await npm(['ci'], folder, env)
    await npm(['install', '--no-save', ...tarballs.values()], folder, env)
    writeFileSync(stampFile, stamp)
  }
  // As `npm install TARBALL` writes it: some frameworks bundle what is no dependency.
  const manifestFile = join(folder, 'package.json')
  const manifest = JSON.parse(readFileSync(manifestFile, 'utf8'))
  const ours = Object.fromEntries(Array.from(tarballs, ([name, path]) => [name, `file:${path}`]))
  manifest.dependencies = { ...manifest.dependencies, ...ours }
  writeFileSync(manifestFile, JSON.stringify(manifest, null, 2))
  // The same version may have been packed of other sources since then.
  for (const { manifest } of packages) {
    const target = join(folder, 'node_modules', manifest.name)
    rmSync(target, { recursive: true, force: true })
    mkdirSync(target, { recursive: true })
    await run(['tar', '-xzf', tarballs.get(manifest.name)!, '--strip-components=1', '-C', target], folder, env)
  }
}

const stampName = '.installed'

const packages = ['sse', 'hub'].map((name) => {
  const path = join(root, 'packages', name)
  const manifest = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8')) as {
    name: string
    dependencies?: Record<string, string>
  }
  return { path, manifest }
})

/** Our packages as a registry would get them, by name. */
function packed(): Promise<Map<string, string>> {
  packing ??= pack()
  return packing
}
let packing: Promise<Map<string, string>> | undefined

async function pack(): Promise<Map<string, string>> {
  const destination = join(workshop, 'packed')
  mkdirSync(destination, { recursive: true })
  const tarballs = new Map<string, string>()
  for (const { path, manifest } of packages) {
    const output = await run(['npm', 'pack', '--json', '--pack-destination', destination], path, process.env)
    const [{ filename }] = Object.values(JSON.parse(output)) as [{ filename: string }]
    tarballs.set(manifest.name, join(destination, filename))
  }
  return tarballs
}

async function npm(args: string[], folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  try {
    await run(['npm', ...args, '--loglevel=error', '--no-fund', '--no-audit', '--prefer-offline'], folder, env)
  } catch (error) {
    if (/\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH)\b/.test(String(error))) {
      throw new NotInstallable('npm reaches no registry', { cause: error })
    }
    throw error
  }
}

async function run([command, ...args]: Command, cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  try {
    return (await promisify(execFile)(command, args, { cwd, env, maxBuffer: 2 ** 26 })).stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${command} ${args.join(' ')} failed in ${cwd}:\n${stdout}\n${stderr}`, { cause: error })
  }
}

/** With the pinned Node, the programs of the example, and nothing that Vitest, npm or a CI has set for itself. */
function environment(folder: string, bin: string | undefined): NodeJS.ProcessEnv {
  const path = [join(folder, 'node_modules/.bin'), bin, join(pinnedNode(), '..'), process.env.PATH]
  const foreign =
    /^(npm_(?!config_)|VITEST|TEST$|CI$|NODE_ENV$|NODE_OPTIONS$|DEV$|PROD$|MODE$|SSR$|BASE_URL$|FORCE_COLOR$)/
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign.test(name))),
    PATH: path.filter((part) => part !== undefined).join(delimiter),
    NO_COLOR: '1',
    NEXT_TELEMETRY_DISABLED: '1',
    NUXT_TELEMETRY_DISABLED: '1',
    ASTRO_TELEMETRY_DISABLED: '1',
    DO_NOT_TRACK: '1',
  }
}
