import type { CountMemory } from '../../http/access/client-counts.ts'
import type { MetricsSnapshot } from '../../http/metrics.ts'
import type { Certificate } from '../../http/server/tls.ts'
import type { Observed, ObservedQuery, ObservedThread } from '../../observe/observatory.ts'
import type { StoreConnection } from '../../store/shared/messages.ts'
import type { ServeOptions } from './serve-options.ts'

/** What a worker thread starts with. */
export interface ThreadOptions {
  /** The number of the thread, 2 or more. The first thread is 1. */
  readonly thread: number
  readonly options: ServeOptions
  readonly connection: StoreConnection
  readonly certificate: Certificate | undefined
  /** The port of the first thread, which may have chosen any free one. */
  readonly port: number
  readonly counts: CountMemory
}

/** Requests from the first thread to a worker. */
export type RequestToWorker = {
  /** Starts serving. Answered when the worker listens. */
  start: { ask: undefined; answer: undefined }
  metrics: { ask: undefined; answer: MetricsSnapshot }
  /** How things stand in this thread, for the hub's page. */
  observe: { ask: ObservedQuery; answer: ObservedThread }
  /** Applies keys, limits and log level. */
  reload: { ask: ServeOptions; answer: undefined }
  certificate: { ask: Certificate; answer: undefined }
  /** Stops in order, within this time. The answer is how many connections had to be cut off. */
  close: { ask: { readonly deadlineMs: number }; answer: number }
}

/** Requests from a worker to the first thread. */
export type RequestToFirst = {
  /** Writes a line of the log. */
  log: { ask: string; answer: undefined }
  /** Returns the metrics of all threads. */
  metrics: { ask: undefined; answer: string }
  /** Returns how things stand in all threads. */
  observe: { ask: ObservedQuery; answer: Observed }
}
