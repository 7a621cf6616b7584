import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { descend, readProcessTree, readThreads } from '../hub/process-tree.ts'

/**
 * A process with a child and a thread, each of which uses 300 ms of CPU time and reports it. Then
 * they stay.
 */
const program = `
const { spawn } = require('node:child_process')
const { Worker } = require('node:worker_threads')
if (process.argv[1] === 'child') {
  while (process.cpuUsage().user < 300_000);
  console.log('ready')
  setTimeout(() => {}, 60_000)
} else {
  const worker = new Worker(\`
    const start = process.threadCpuUsage().user
    while (process.threadCpuUsage().user - start < 300_000);
    require('node:worker_threads').parentPort.postMessage('ready')
    setTimeout(() => {}, 60_000)\`, { eval: true })
  worker.once('message', () => {
    const child = spawn(process.execPath, ['-e', process.env.PROGRAM, 'child'], { stdio: ['ignore', 'inherit', 'inherit'] })
    process.on('SIGTERM', () => { child.kill('SIGKILL'); process.exit() })
  })
}
`

test('CPU time is that of the process, its threads and its children, and memory that of all of them', async () => {
  const parent = spawn(process.execPath, ['-e', program], {
    env: { ...process.env, PROGRAM: program },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [said] = (await once(parent.stdout!, 'data')) as [Buffer]
    expect(said.toString()).toBe('ready\n')
    const { cpuMs, memoryBytes } = readProcessTree(parent.pid!)
    expect(descend(parent.pid!)).toHaveLength(2)
    // The system counts in ticks of 10 ms, and the three have used at least what they waited for.
    expect(cpuMs).toBeGreaterThan(500)
    expect(memoryBytes).toBeGreaterThan(20 * 1024 ** 2)
    expect(Object.values(readThreads(parent.pid!)).reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(500)
  } finally {
    const ended = once(parent, 'exit')
    parent.kill('SIGTERM')
    await ended
  }
})
