import type { CountMemory } from '../../http/access/client-counts.ts'
import type { MetricsSnapshot } from '../../http/metrics.ts'
import type { Certificate } from '../../http/server/tls.ts'
import type { StoreConnection } from '../../store/shared/messages.ts'
import type { ServeOptions } from './serve-options.ts'

/** What a further thread is started with. */
export interface ThreadOptions {
  /** From 2 up; the thread that starts the others is 1. */
  readonly thread: number
  readonly options: ServeOptions
  readonly connection: StoreConnection
  readonly certificate: Certificate | undefined
  /** The port that the first thread has, which may have been any that was free. */
  readonly port: number
  readonly counts: CountMemory
}

/** What the first thread asks a further one. */
export type RequestToWorker = {
  /** To begin. Answered when it listens. */
  start: { ask: undefined; answer: undefined }
  metrics: { ask: undefined; answer: MetricsSnapshot }
  /** To go by these keys, limits and log level from now on. */
  reload: { ask: ServeOptions; answer: undefined }
  certificate: { ask: Certificate; answer: undefined }
  /** To end in order, within this time. Answered with how many connections had to be cut off. */
  close: { ask: { readonly deadlineMs: number }; answer: number }
}

/** What a further thread asks the first one. */
export type RequestToMain = {
  /** To write a line of the log. */
  log: { ask: string; answer: undefined }
  /** For the metrics of all threads. */
  metrics: { ask: undefined; answer: string }
}
