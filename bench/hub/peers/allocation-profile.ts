// Loaded into a peer with `--import …?directory=…`. Samples where the main thread allocates,
// including what was collected since, from one SIGUSR2 to the next, and writes that to
// `allocations.heapprofile` (for DevTools) and, by function, `allocations.txt`.
import { writeFileSync } from 'node:fs'
import { type HeapProfiler, Session } from 'node:inspector'
import { join } from 'node:path'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) {
  const directory = new URL(import.meta.url).searchParams.get('directory')!
  const session = new Session()
  session.connect()
  let isSampling = false
  process.on('SIGUSR2', () => {
    if (isSampling) {
      session.post('HeapProfiler.stopSampling', (error, stopped) => {
        if (error) throw error
        writeFileSync(join(directory, 'allocations.heapprofile'), JSON.stringify(stopped.profile))
        writeFileSync(join(directory, 'allocations.txt'), textOf(stopped.profile))
      })
    } else {
      session.post('HeapProfiler.startSampling', {
        samplingInterval: 4096,
        includeObjectsCollectedByMajorGC: true,
        includeObjectsCollectedByMinorGC: true,
      })
    }
    isSampling = !isSampling
  })
}

/** The share of each function in the allocations, the largest first. */
function textOf({ head }: HeapProfiler.SamplingHeapProfile): string {
  const bytesOf = new Map<string, number>()
  let total = 0
  const add = ({ callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode) => {
    const { functionName, url, lineNumber } = callFrame
    const file = url.replace(/^.*\/(packages|node_modules|bench)\//, '$1/')
    const name = `${functionName || '(anonymous)'} ${file && `${file}:${lineNumber + 1}`}`
    bytesOf.set(name, (bytesOf.get(name) ?? 0) + selfSize)
    total += selfSize
    for (const child of children) add(child)
  }
  add(head)
  const largestFirst = [...bytesOf].sort(([, a], [, b]) => b - a)
  const lines = largestFirst.map(([name, bytes]) => `${((bytes / total) * 100).toFixed(2).padStart(6)} % ${name}`)
  return `${lines.join('\n')}\n`
}
