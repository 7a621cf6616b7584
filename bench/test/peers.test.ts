import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { choosePeers } from '../hub/peers/all.ts'
import type { RunningPeer } from '../hub/peers/peer.ts'
import { faultsOf } from '../hub/report/results.ts'
import { scenarios } from '../hub/scenarios/all.ts'
import { Stage } from '../hub/scenarios/stage.ts'

// Each peer runs the smallest form of a scenario, and everything it delivers is verified: so the
// benchmark compares servers that do the same.

const directories: string[] = []
const running: RunningPeer[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((peer) => peer.stop()))
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true })
})

const hasNchan = existsSync('/usr/lib/nginx/modules/ngx_nchan_module.so')
if (!hasNchan) console.log('skipped: nchan, because nginx with its module is not installed')

for (const name of ['hub', 'nchan', 'better-sse', 'naive', 'floor']) {
  test.skipIf(name === 'nchan' && !hasNchan)(
    `${name} delivers live and to those who return`,
    { timeout: 240_000 },
    async () => {
      for (const scenario of scenarios.filter((each) => ['burst-16', 'storm'].includes(each.name))) {
        const stage = await stageOf(name)
        try {
          const { measures, groups } = await scenario.run(stage)
          expect(faultsOf(groups)).toEqual({})
          expect(groups[0]!.delivered).toBeGreaterThan(0)
          expect(measures).toHaveProperty('cpuUsPerDelivery')
        } finally {
          await stage.end()
        }
      }
    },
  )
}

for (const name of ['hub', 'naive']) {
  test(`counts what ${name} allocates`, { timeout: 240_000 }, async () => {
    const garbage = scenarios.find((each) => each.name === 'garbage')!
    const stage = await stageOf(name, garbage)
    try {
      const { measures, groups } = await garbage.run(stage)
      expect(faultsOf(groups)).toEqual({})
      // One event has 100 bytes, and several copies of it are made.
      expect(measures.allocatedPerPublish).toBeGreaterThan(500)
    } finally {
      await stage.end()
    }
  })
}

test('the version before stands beside each hub, and does what it does', () => {
  const checkout = newDirectory()
  expect(() => choosePeers(['hub'], checkout)).toThrow('has no built hub')
  mkdirSync(join(checkout, 'packages/hub/dist/cli'), { recursive: true })
  writeFileSync(join(checkout, 'packages/hub/dist/cli/main.js'), '')
  const chosen = choosePeers(['hub-memory', 'naive'], checkout)
  expect(chosen.map(({ name }) => name)).toEqual(['hub-memory', 'hub-memory-before', 'naive'])
  expect(chosen[1]).toMatchObject({ versionOf: 'hub-memory' })
})

async function stageOf(name: string, { countsAllocation = false }: { countsAllocation?: boolean } = {}) {
  const [peer] = choosePeers([name])
  const server = await peer!.start({ directory: newDirectory(), profileDirectory: undefined, countsAllocation })
  running.push(server)
  return new Stage(server, { scale: 0.01, clientThreads: 2 })
}

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-bench-test-'))
  directories.push(directory)
  return directory
}
