// Loaded into a peer with `--import`. Counts what the main thread allocates on V8's heap: the
// growth of the heap between collections, which the GC profiler reports exactly. Each SIGUSR2 makes
// it write `allocated #COUNT: BYTES`, the bytes since the process started.
import { writeSync } from 'node:fs'
import { GCProfiler, getHeapStatistics } from 'node:v8'
import { isMainThread } from 'node:worker_threads'

if (isMainThread) {
  let profiler = new GCProfiler()
  profiler.start()
  let usedBytes = getHeapStatistics().used_heap_size
  let allocated = 0
  let count = 0
  process.on('SIGUSR2', () => {
    const usedNow = getHeapStatistics().used_heap_size
    // The report itself is objects, which are not the peer's.
    const statistics = profiler.stop()?.statistics ?? []
    for (const { beforeGC, afterGC } of statistics) {
      allocated += beforeGC.heapStatistics.usedHeapSize - usedBytes
      usedBytes = afterGC.heapStatistics.usedHeapSize
    }
    allocated += usedNow - usedBytes
    writeSync(2, `allocated #${++count}: ${allocated}\n`)
    profiler = new GCProfiler()
    profiler.start()
    usedBytes = getHeapStatistics().used_heap_size
  })
}
