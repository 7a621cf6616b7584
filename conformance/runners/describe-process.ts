import type { CaseResult } from '../cases/harness/run-cases.ts'
import type { Runtime } from '../cases/harness/runtime.ts'
import type { RunOrder } from '../cases/targets/run-order.ts'
import { ConformanceServers } from '../server/conformance-servers.ts'
import { describeCases } from './describe-cases.ts'
import { describeInstalled } from './describe-installed.ts'
import type { InstalledRuntime } from './runtimes.ts'

/** The cases in a runtime that is a process of its own, with servers of its own. */
export function describeProcess(
  name: string,
  { engine, implementation }: Pick<Runtime, 'engine' | 'implementation'>,
  installed: InstalledRuntime,
  run: (order: RunOrder) => Promise<CaseResult[]>,
): void {
  const runtime: Runtime = { engine, scope: 'process', implementation }
  describeInstalled(name, installed, () => {
    describeCases(name, runtime, async (order) => {
      const servers = await ConformanceServers.start()
      try {
        return await run({ ...order, origins: servers.origins })
      } finally {
        await servers.close()
      }
    })
  })
}
