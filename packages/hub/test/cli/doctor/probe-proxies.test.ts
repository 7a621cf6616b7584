import { readFileSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { diagnose } from '../../../src/cli/doctor/diagnose/diagnose.ts'
import { examineEndpoint } from '../../../src/cli/doctor/examine-endpoint.ts'
import type { Finding } from '../../../src/cli/doctor/finding.ts'
import { startProbeServer } from '../../../src/cli/doctor/probe-server.ts'
import { type EndpointOptions, parseTarget } from '../../../src/cli/doctor/target.ts'
import { misconfigurations } from './proxies/misconfigurations.ts'
import { type Parts, type ProxyKind, proxies, whyNot } from './proxies/proxies.ts'
import { certPath, startProxy } from './proxies/running-proxy.ts'
import { startTickingServer } from './ticking-server.ts'

// They wait for most of their time.
vi.setConfig({ maxConcurrency: 16 })

let server: Server
let application: Awaited<ReturnType<typeof startTickingServer>>

beforeAll(async () => {
  setDefaultCACertificates([...getCACertificates('default'), readFileSync(certPath, 'utf8')])
  server = await startProbeServer({ host: '127.0.0.1', port: 0 })
  application = await startTickingServer()
})
afterAll(() => {
  application.stop()
  server.close()
  server.closeAllConnections()
})

for (const why of proxies.map(whyNot)) if (why) console.warn(`Tests of the doctor are skipped: ${why}`)

/** The doctor's findings through a real proxy: in front of the probe server, or of an ordinary application. */
async function look(
  proxy: ProxyKind,
  options: Partial<EndpointOptions>,
  changes: { parts?: Parts; isHttp2?: boolean },
  upstream: string = addressOf(server),
): Promise<readonly Finding[]> {
  const running = await startProxy(proxy, upstream, changes)
  try {
    return diagnose(await examineEndpoint(parseTarget(running.url, { header: [], ...options }), () => {})).findings
  } finally {
    await running.stop()
  }
}

function addressOf(server: Server): string {
  const { address, port } = server.address() as AddressInfo
  return `${address}:${port}`
}

const isComplaint = ({ severity }: Finding) => severity === 'fault' || severity === 'warning'
const idsOf = (findings: readonly Finding[]) => [...new Set(findings.map(({ id }) => id))].sort()

describe.concurrent('the doctor accuses no proxy that is configured well', () => {
  const cases = proxies.flatMap((proxy) => [false, true].map((isHttp2) => ({ proxy, isHttp2, title: proxy.title })))
  for (const { proxy, isHttp2, title } of cases.filter(({ proxy, isHttp2 }) => !isHttp2 || proxy.http2)) {
    test.skipIf(whyNot(proxy))(`${title} over ${isHttp2 ? 'HTTP/2' : 'HTTP/1.1'}`, async () => {
      const findings = await look(proxy, { deep: '3' }, { isHttp2 })
      expect(findings.filter(isComplaint)).toEqual([])
      // It has looked.
      const well = idsOf(findings.filter(({ severity }) => severity === 'ok'))
      expect(well).toEqual(
        expect.arrayContaining(['connections', 'delivery', 'idle-timeout', 'post', 'request-headers']),
      )
    })
  }
})

describe.concurrent('the doctor names what is wrong, and nothing else', () => {
  for (const { proxy, wrong, parts, named, isDeep } of misconfigurations) {
    test.skipIf(whyNot(proxy))(`${proxy.title}: ${wrong}`, async () => {
      const findings = await look(proxy, { timeout: '6', ...(isDeep && { deep: '6' }) }, { parts })
      expect(idsOf(findings.filter(isComplaint))).toEqual([...named].sort())
      // What to change is said for this proxy, or for all that it may be.
      const fixes = findings.filter(isComplaint).flatMap(({ fix = [] }) => fix)
      expect(fixes.some(({ where }) => where.includes(proxy.title))).toBe(true)
    })
  }
})

describe.concurrent('in front of an application, the doctor names what can be seen beside the direct way', () => {
  for (const { proxy, wrong, parts, compared } of misconfigurations.filter(({ compared }) => compared)) {
    test.skipIf(whyNot(proxy))(`${proxy.title}: ${wrong}`, async () => {
      const { address } = application
      const findings = await look(proxy, { timeout: '6', direct: `http://${address}/` }, { parts }, address)
      expect(idsOf(findings.filter(isComplaint))).toEqual([...compared!].sort())
    })
  }
})

test('docs/doctor.md has each of them in its table', () => {
  const cell = (ids: readonly string[]) => ids.map((id) => `\`${id}\``).join(', ') || '–'
  const rows = misconfigurations.map(
    ({ proxy, wrong, named, compared = [] }) => `| ${proxy.title} | ${wrong} | ${cell(named)} | ${cell(compared)} |`,
  )
  const path = new URL('../../../../../docs/doctor.md', import.meta.url)
  const table = /(?<=\| proxy \| what is wrong \| .*\n\| --- \| --- \| --- \| --- \|\n)(\|.*\n)*/
  if (process.env.HEADWATER_WRITE_DOCS)
    writeFileSync(path, readFileSync(path, 'utf8').replace(table, `${rows.join('\n')}\n`))
  expect(table.exec(readFileSync(path, 'utf8'))?.[0].trimEnd().split('\n')).toEqual(rows)
})
