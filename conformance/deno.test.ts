import { runInChildProcess } from './runners/child-process.ts'
import { describeProcess } from './runners/describe-process.ts'
import { installed } from './runners/runtimes.ts'

for (const implementation of ['native', 'ours'] as const) {
  describeProcess(`Deno, ${implementation}`, { engine: 'Deno', implementation }, installed.deno, (order) =>
    runInChildProcess([installed.deno.path, 'run', '--allow-net', '--no-config', '--no-lock'], order),
  )
}
