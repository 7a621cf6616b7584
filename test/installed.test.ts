import { describe, expect, test } from 'vitest'

interface Entry {
  readonly version?: string
  readonly integrity?: string
  readonly optional?: boolean
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
  readonly link?: boolean
}

type Packages = Readonly<Record<string, Entry>>

// The scripts are JavaScript, as they run before anything is installed.
const { isSameInstall } = (await import(new URL('../scripts/installed.mjs', import.meta.url).href)) as {
  isSameInstall(locked: Packages, installed: Packages, platform: { platform: string; arch: string }): boolean
}

const vitest: Entry = { version: '5.1.1', integrity: 'sha512-a' }
const hub: Packages = { 'node_modules/headwater': { link: true }, 'packages/hub': { version: '0.1.0' } }
const locked: Packages = {
  '': { version: '0.0.0' },
  'node_modules/vitest': vitest,
  'node_modules/esbuild-linux': { version: '1.0.0', optional: true, os: ['linux'], cpu: ['x64'] },
  'node_modules/esbuild-darwin': { version: '1.0.0', optional: true, os: ['darwin'], cpu: ['arm64'] },
  'node_modules/biome-musl': { version: '1.0.0', optional: true, os: ['linux'], cpu: ['x64'], libc: ['musl'] },
  'node_modules/only-for-wasm': { version: '1.0.0', optional: true },
  ...hub,
}
const installed: Packages = {
  'node_modules/vitest': vitest,
  'node_modules/esbuild-linux': { version: '1.0.0' },
  ...hub,
}
const isInstalled = (installed: Packages, platform = 'linux', arch = 'x64') =>
  isSameInstall(locked, installed, { platform, arch })
const without = (path: string) => Object.fromEntries(Object.entries(installed).filter(([name]) => name !== path))

describe('what npm ci has installed is not installed again', () => {
  test('if it is what the lock file says, but for what is for other platforms', () => {
    expect(isInstalled(installed)).toBe(true)
  })

  test.each<[string, Packages]>([
    ['another version', { ...installed, 'node_modules/vitest': { ...vitest, version: '5.1.0' } }],
    [
      'other files under the same version',
      { ...installed, 'node_modules/vitest': { ...vitest, integrity: 'sha512-b' } },
    ],
    ['a package too many', { ...installed, 'node_modules/vitest/node_modules/vite': { version: '1.0.0' } }],
    ['a package too few', without('node_modules/vitest')],
    ['an optional one of this platform missing', without('node_modules/esbuild-linux')],
    ['a copy in place of a workspace', { ...installed, 'node_modules/headwater': { version: '0.1.0' } }],
    ['nothing', {}],
  ])('unless there is %s', (_, packages) => {
    expect(isInstalled(packages)).toBe(false)
  })

  test('unless it was made on another platform', () => {
    expect(isInstalled(installed, 'darwin', 'arm64')).toBe(false)
  })
})
