import { runInChildProcess } from './runners/child-process.ts'
import { describeProcess } from './runners/describe-process.ts'
import { installed, nodeVersions } from './runners/runtimes.ts'
import { runInWorkerd } from './runners/workerd.ts'

for (const [name, node] of nodeVersions()) {
  describeProcess(`${name}, ours`, { engine: 'Node.js', implementation: 'ours' }, node, (order) =>
    runInChildProcess([node.path], order),
  )
}

// Behind a flag, and another in each version: this one stands for them.
describeProcess('Node 24, native', { engine: 'Node.js', implementation: 'native' }, installed.node24, (order) =>
  runInChildProcess([installed.node24.path, '--no-warnings', '--experimental-eventsource'], order),
)

// Bun has no EventSource of its own.
describeProcess('Bun, ours', { engine: 'Bun', implementation: 'ours' }, installed.bun, (order) =>
  runInChildProcess([installed.bun.path], order),
)

for (const implementation of ['native', 'ours'] as const) {
  describeProcess(`Deno, ${implementation}`, { engine: 'Deno', implementation }, installed.deno, (order) =>
    runInChildProcess([installed.deno.path, 'run', '--allow-net', '--no-config', '--no-lock'], order),
  )
}

for (const implementation of ['native', 'ours'] as const) {
  describeProcess(`workerd, ${implementation}`, { engine: 'workerd', implementation }, installed.workerd, runInWorkerd)
}
