import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { initializeEngine } from '../../src/store/postgres/administer.ts'
import { PostgresServer } from '../store/postgres/postgres-server.ts'
import { temporaryDirectory } from '../temporary-directory.ts'
import { serveHub } from './running.ts'

const prometheus = '/usr/bin/prometheus'
const rules = readFileSync(new URL('../../../../deploy/monitoring/alerts.yaml', import.meta.url), 'utf8')
/** With HEADWATER_ALERTS=as-they-are the rules wait as long as they say, which takes two minutes. */
const isAsItIs = process.env.HEADWATER_ALERTS === 'as-they-are'

interface Alert {
  readonly labels: Readonly<Record<string, string>>
  readonly state: 'pending' | 'firing'
}

test('Prometheus fires an alert when the database of a hub is stopped, and ends it when that is back', {
  timeout: 400_000,
}, async ({ skip }) => {
  if (!existsSync(prometheus)) skip(`${prometheus} is not installed (Debian: prometheus)`)
  const engine = await PostgresServer.start()
  onTestFinished(() => engine.dispose())
  const url = engine.url({ directory: temporaryDirectory(), wait: '1' })
  await initializeEngine(url)
  const hub = await serveHub('--anonymous', '--store', url)
  const alerts = await watch(hub.url)
  const publishing = setInterval(() => {
    const body = new URLSearchParams({ topic: 'a' })
    fetch(`${hub.url}/.well-known/mercure`, { method: 'POST', body }).catch(() => {})
  }, 500)
  onTestFinished(() => clearInterval(publishing))

  await expect.poll(alerts.isScraping, { timeout: 30_000 }).toBe(true)
  expect(await alerts.firing()).toEqual([])
  await engine.down()
  await expect.poll(alerts.firing, { timeout: 180_000, interval: 500 }).toContain('HeadwaterCutOff')
  expect(await alerts.firing()).not.toContain('HeadwaterIsDown')
  await engine.up()
  await expect.poll(alerts.firing, { timeout: 60_000, interval: 500 }).not.toContain('HeadwaterCutOff')
})

/** Starts a Prometheus that watches a hub by the rules of deploy/monitoring. */
async function watch(hub: string) {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'data'))
  const quick = rules.replace(/for: \d+m/g, 'for: 2s').replace('silence_seconds > 15', 'silence_seconds > 3')
  writeFileSync(join(directory, 'alerts.yaml'), isAsItIs ? rules : quick)
  writeFileSync(
    join(directory, 'prometheus.yaml'),
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [alerts.yaml]
scrape_configs:
  - job_name: headwater
    static_configs: [{ targets: ['${new URL(hub).host}'] }]
`,
  )
  const port = await freePort()
  const child = spawn(
    prometheus,
    [
      `--config.file=${join(directory, 'prometheus.yaml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--log.level=error',
    ],
    { stdio: 'inherit' },
  )
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}/api/v1/${path}`).catch(() => undefined)
    return response?.ok ? ((await response.json()) as { data: unknown }).data : undefined
  }
  return {
    async isScraping() {
      const data = (await ask('query?query=up')) as { result: { value: [number, string] }[] } | undefined
      return data?.result[0]?.value[1] === '1'
    },
    async firing() {
      const data = (await ask('alerts')) as { alerts: Alert[] } | undefined
      return (data?.alerts ?? []).filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname!)
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
