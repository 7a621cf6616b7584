import { runInChildProcess } from './runners/child-process.ts'
import { describeProcess } from './runners/describe-process.ts'
import { installed } from './runners/runtimes.ts'

// Bun has no EventSource of its own.
describeProcess('Bun, ours', { engine: 'Bun', implementation: 'ours' }, installed.bun, (order) =>
  runInChildProcess([installed.bun.path], order),
)
