/**
 * Browsers: one module for all three scopes. A page calls `runHere`, or `runIn` to have the same module, loaded as a
 * worker or a shared worker, run the order that it is sent.
 */
import type { CaseResult } from '../harness/run-cases.ts'
import { UncaughtErrors } from '../harness/uncaught-errors.ts'
import { carryOut, type RunOrder } from './run-order.ts'

const uncaught = new UncaughtErrors()
globalThis.addEventListener('error', (event) => {
  event.preventDefault()
  uncaught.add(event.error ?? event.message)
})

interface Port {
  onmessage: ((event: MessageEvent) => void) | null
  postMessage: (message: unknown) => void
}

function serve(port: Port): void {
  port.onmessage = async ({ data }: MessageEvent<RunOrder>) => port.postMessage(await carryOut(data, uncaught))
}

if ('SharedWorkerGlobalScope' in globalThis) {
  globalThis.addEventListener('connect', (event) => serve((event as MessageEvent).ports[0]!))
} else if ('DedicatedWorkerGlobalScope' in globalThis) {
  serve(globalThis as unknown as Port)
}

export function run(order: RunOrder): Promise<CaseResult[]> {
  if (order.runtime.scope === 'page') return carryOut(order, uncaught)
  const script = import.meta.url
  return new Promise((resolve, reject) => {
    const failed = (event: Event) =>
      reject(new Error(`The ${order.runtime.scope} failed: ${(event as ErrorEvent).message}`))
    let port: Port
    if (order.runtime.scope === 'worker') {
      const worker = new Worker(script, { type: 'module' })
      worker.onerror = failed
      port = worker
    } else {
      const worker = new SharedWorker(script, { type: 'module' })
      worker.onerror = failed
      port = worker.port
    }
    port.onmessage = ({ data }: MessageEvent<CaseResult[]>) => resolve(data)
    port.postMessage(order)
  })
}
