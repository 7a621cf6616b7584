import { parentPort, workerData } from 'node:worker_threads'
import { Crowd, type GroupSpec, type SettleOptions } from './crowd.ts'
import type { DueTimes } from './reference.ts'

/** The data with which the thread of a crowd starts. */
export interface CrowdThreadData {
  readonly port: number
  readonly dueTimes: DueTimes
}

/** The requests to the thread. */
export type CrowdRequest =
  | { readonly name: 'open'; readonly groups: readonly GroupSpec[] }
  | { readonly name: 'settle'; readonly options: SettleOptions }
  | { readonly name: 'report'; readonly published: Int32Array }
  | { readonly name: 'close' }

const port = parentPort
if (port) {
  const { port: serverPort, dueTimes } = workerData as CrowdThreadData
  const crowd = new Crowd(serverPort, dueTimes)
  port.on('message', ({ id, request }: { id: number; request: CrowdRequest }) => {
    carryOut(crowd, request).then(
      (result) => port.postMessage({ id, result }),
      (error: Error) => port.postMessage({ id, error: error.message }),
    )
  })
}

async function carryOut(crowd: Crowd, request: CrowdRequest): Promise<unknown> {
  switch (request.name) {
    case 'open':
      return await crowd.open(request.groups)
    case 'settle':
      return await crowd.settle(request.options)
    case 'report':
      return crowd.report(request.published)
    case 'close':
      return crowd.close()
  }
}
