import { runInChildProcess } from './runners/child-process.ts'
import { describeProcess } from './runners/describe-process.ts'
import { installed } from './runners/runtimes.ts'

const always = [['Node 20', installed.node20] as const, ['Node 24', installed.node24] as const]
const inMatrix = [['Node 22', installed.node22] as const, ['Node 26', installed.node26] as const]
const versions = process.env.HEADWATER_MATRIX === '1' ? [...always, ...inMatrix] : always

for (const [name, node] of versions) {
  describeProcess(`${name}, ours`, { engine: 'Node.js', implementation: 'ours' }, node, (order) =>
    runInChildProcess([node.path], order),
  )
}

// Behind a flag, and another in each version: this one stands for them.
describeProcess('Node 24, native', { engine: 'Node.js', implementation: 'native' }, installed.node24, (order) =>
  runInChildProcess([installed.node24.path, '--no-warnings', '--experimental-eventsource'], order),
)
