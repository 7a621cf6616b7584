import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from '../conformance/runners/free-port.ts'
import { PostgresServer } from '../packages/hub/test/store/postgres/postgres-server.ts'
import { readPages, root } from './docs/markdown.ts'
import { nginx, RunningProxy, whyNot } from './proxies/proxy.ts'

const headwater = join(root, 'packages/hub/dist/cli/main.js')
const prometheus = '/usr/bin/prometheus'

// The path of docs/production.md, with the files that it names and the configuration that it shows.
test('a hub behind nginx has tokens, metrics on a board, and an alert that fires when its database stops', async ({
  skip,
}) => {
  const reason = whyNot(nginx) ?? (existsSync(prometheus) ? undefined : 'Prometheus is not installed')
  if (reason) skip(reason)
  const folder = mkdtempSync(join(tmpdir(), 'headwater-production-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }))
  const database = await PostgresServer.start()
  onTestFinished(() => database.dispose())
  const command = (...args: string[]) =>
    execFileSync(process.execPath, [headwater, ...args], { cwd: folder, encoding: 'utf8' })
  for (const role of ['publisher', 'subscriber']) {
    writeFileSync(join(folder, `${role}.secret`), `${randomBytes(48).toString('base64')}\n`)
  }
  command('store', 'init', database.url())
  command('store', 'check', database.url())

  const port = await freePort()
  const proxy = await RunningProxy.start(nginx, { hub: `127.0.0.1:${port}` })
  const configured = readPages()
    .find(({ path }) => path === 'docs/production.md')!
    .blocks.find(({ language }) => language === 'json')!
    .code.replaceAll('https://hub.example.com', proxy.url)
    .replaceAll('127.0.0.1:3000', `127.0.0.1:${port}`)
    .replace('postgres://headwater@127.0.0.1/app', database.url({ directory: folder, wait: '1' }))
  writeFileSync(join(folder, 'headwater.config.json'), configured)
  const hub = await run(process.execPath, [headwater, 'serve'], folder, /headwater listening on/)
  const token = command('token', '--key', 'file:publisher.secret', '--publish', 'orders').trim()
  const publish = (data: string, headers: Record<string, string> = { authorization: `Bearer ${token}` }) =>
    send(`${proxy.url}/.well-known/mercure`, headers, new URLSearchParams({ topic: 'orders', data }))
  expect(await publish('refused', {})).toMatchObject({ status: 401 })
  expect(await publish('order 1')).toMatchObject({ status: 200 })
  expect(await (await fetch(`http://127.0.0.1:${port}/readyz`)).text()).toMatch(/^ready/)

  const watching = await watch(folder, port)
  await expect.poll(() => watching.ask('targets')).toMatchObject({ activeTargets: [{ health: 'up' }] })
  const board = readFileSync(join(root, 'deploy/monitoring/grafana.json'), 'utf8')
  const queries = Array.from(board.matchAll(/"expr": "((?:[^"\\]|\\.)*)"/g), ([, expression]) =>
    JSON.parse(`"${expression}"`),
  )
  expect(queries.length).toBeGreaterThan(5)
  for (const query of queries) {
    const plain = query.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*')
    expect(await watching.ask(`query?query=${encodeURIComponent(plain)}`), plain).toMatchObject({
      resultType: 'vector',
    })
  }
  expect(await watching.alerts()).toEqual([])

  await database.down()
  expect(await publish('order 2')).toMatchObject({ status: 503 })
  await expect.poll(() => watching.alerts()).toContainEqual('HeadwaterCutOff firing')
  expect(hub.output()).toContain('"event":"store-failed"')

  await database.up()
  await expect.poll(() => publish('order 3')).toMatchObject({ status: 200 })
  await expect.poll(() => watching.alerts()).not.toContainEqual(expect.stringMatching(/^HeadwaterCutOff/))
})

/** Prometheus with our files; only the hub's port and the times differ, as a minute is long for a test. */
async function watch(folder: string, port: number) {
  const shipped = (name: string) => readFileSync(join(root, 'deploy/monitoring', name), 'utf8')
  const configuration = shipped('prometheus.yml').replace('127.0.0.1:3000', `127.0.0.1:${port}`).replaceAll('10s', '1s')
  writeFileSync(join(folder, 'prometheus.yml'), configuration)
  writeFileSync(join(folder, 'alerts.yaml'), shipped('alerts.yaml').replaceAll(/for: \d+m/g, 'for: 2s'))
  const listen = await freePort()
  const flags = [`--web.listen-address=127.0.0.1:${listen}`, `--storage.tsdb.path=${join(folder, 'prometheus')}`]
  await run(prometheus, ['--config.file=prometheus.yml', ...flags], folder, /Server is ready to receive web requests/)
  const ask = async (what: string): Promise<Record<string, unknown>> => {
    const { data, error } = (await (await fetch(`http://127.0.0.1:${listen}/api/v1/${what}`)).json()) as Answer
    if (error) throw new Error(error)
    return data
  }
  const alerts = async () =>
    ((await ask('alerts')).alerts as Alert[]).map(({ labels, state }) => `${labels.alertname} ${state}`)
  return { ask, alerts }
}

interface Answer {
  readonly data: Record<string, unknown>
  readonly error?: string
}

interface Alert {
  readonly labels: { readonly alertname: string }
  readonly state: string
}

/** Starts a program, and resolves when it says that it is ready; ends it with the test. */
async function run(command: string, args: string[], cwd: string, ready: RegExp): Promise<{ output(): string }> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const exited = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  let output = ''
  const becameReady = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (said: string) => {
        output += said
        if (ready.test(output)) resolve()
      })
    }
  })
  await Promise.race([becameReady, exited])
  if (!ready.test(output)) throw new Error(`${command} did not start:\n${output}`)
  return { output: () => output }
}

/** Posts through the proxy, whose certificate nobody has signed. */
async function send(url: string, headers: Record<string, string>, form: URLSearchParams) {
  const body = form.toString()
  const outgoing = request(url, {
    method: 'POST',
    agent: new Agent({ rejectUnauthorized: false }),
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length, ...headers },
  })
  outgoing.end(body)
  const [response] = await once(outgoing, 'response')
  return { status: response.statusCode as number, text: await text(response) }
}
