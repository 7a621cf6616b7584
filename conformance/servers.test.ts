import { bundleFileOf } from './runners/bundle.ts'
import { describeServer } from './runners/describe-server.ts'
import { installed, nodeVersions } from './runners/runtimes.ts'
import { startServer } from './runners/server-process.ts'
import { startWorkerd } from './runners/workerd.ts'

for (const [name, node] of nodeVersions()) {
  for (const [way, ...args] of [['createSession'], ['createResponse', 'fetch']] as const) {
    describeServer(`a server in ${name}, by ${way}`, node, async () =>
      startServer([node.path, await bundleFileOf('server-cases/targets/node.ts'), ...args]),
    )
  }
}

describeServer('a server in Bun', installed.bun, async () =>
  startServer([installed.bun.path, await bundleFileOf('server-cases/targets/bun.ts')]),
)

describeServer('a server in Deno', installed.deno, async () => {
  const flags = ['run', '--allow-net', '--no-config', '--no-lock']
  return startServer([installed.deno.path, ...flags, await bundleFileOf('server-cases/targets/deno.ts')])
})

describeServer('a server in workerd', installed.workerd, () =>
  startWorkerd('server-cases/targets/workerd.ts', 'Server'),
)
