import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { choosePeers } from '../hub/peers/all.ts'
import type { RunningPeer } from '../hub/peers/peer.ts'
import { faultsOf } from '../hub/report/results.ts'
import { scenarios } from '../hub/scenarios/all.ts'
import { Stage } from '../hub/scenarios/stage.ts'

// Each peer does the smallest form of a scenario, and all it delivers is verified: that the benchmark compares servers that do the same.

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
        const [peer] = choosePeers([name])
        const directory = mkdtempSync(join(tmpdir(), 'headwater-bench-test-'))
        directories.push(directory)
        const server = await peer!.start({ directory, profileDirectory: undefined })
        running.push(server)
        const stage = new Stage(server, { scale: 0.01, clientThreads: 2 })
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
