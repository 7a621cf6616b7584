import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Where each runtime is, and the command that puts it there. */
export interface InstalledRuntime {
  path: string
  /** What it cannot run without. */
  display?: string
  install: string
}

const folder = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url))

const runtimes = folder('runtimes/node_modules')
const matrix = folder('runtimes-matrix/node_modules')
const installRuntimes = 'npm ci --prefix conformance/runtimes'
const installMatrix = 'npm ci --prefix conformance/runtimes-matrix'

/** Node 24, pinned at the root: what `npm test` itself runs on. */
export function pinnedNode(): string {
  return folder('../node_modules/.bin/node')
}

export const installed = {
  node20: { path: `${runtimes}/node-20/bin/node`, install: installRuntimes },
  node22: { path: `${matrix}/node-22/bin/node`, install: installMatrix },
  node24: { path: pinnedNode(), install: 'npm ci' },
  node26: { path: `${matrix}/node-26/bin/node`, install: installMatrix },
  bun: { path: `${runtimes}/@oven/bun-linux-x64/bin/bun`, install: installRuntimes },
  deno: { path: `${runtimes}/@deno/linux-x64-glibc/deno`, install: installRuntimes },
  workerd: { path: `${runtimes}/@cloudflare/workerd-linux-64/bin/workerd`, install: installRuntimes },
  chromium: { path: '/usr/bin/chromium', install: 'apt-get install chromium' },
  firefox: { path: '/usr/bin/firefox-esr', install: 'apt-get install firefox-esr' },
  webkit: {
    path: '/usr/bin/WebKitWebDriver',
    display: '/usr/bin/Xvfb',
    install: 'apt-get install webkit2gtk-driver xvfb',
  },
} satisfies Record<string, InstalledRuntime>

/** The versions of Node to test in: two, or with `HEADWATER_MATRIX=1` (`npm run test:matrix`) four. */
export function nodeVersions(): [name: string, node: InstalledRuntime][] {
  const always: [string, InstalledRuntime][] = [
    ['Node 20', installed.node20],
    ['Node 24', installed.node24],
  ]
  if (process.env.HEADWATER_MATRIX !== '1') return always
  return [...always, ['Node 22', installed.node22], ['Node 26', installed.node26]]
}

/** Whether the tests of a runtime may be left out here, with the reason to print; where they must run, undefined. */
export function reasonToSkip(runtime: InstalledRuntime): string | undefined {
  const missing = [runtime.path, runtime.display].find((path) => path !== undefined && !existsSync(path))
  if (missing === undefined) return undefined
  if (process.platform === 'linux' && process.arch === 'x64') {
    throw new Error(`There is no ${missing}. To install it: ${runtime.install}`)
  }
  return `${missing} is not there, and the binaries we pin are for linux-x64 (this is ${process.platform}-${process.arch})`
}
