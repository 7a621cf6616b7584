import { describeProcess } from './runners/describe-process.ts'
import { installed } from './runners/runtimes.ts'
import { runInWorkerd } from './runners/workerd.ts'

for (const implementation of ['native', 'ours'] as const) {
  describeProcess(`workerd, ${implementation}`, { engine: 'workerd', implementation }, installed.workerd, runInWorkerd)
}
