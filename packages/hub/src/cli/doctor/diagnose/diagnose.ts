import type { EndpointFacts } from '../endpoint-facts.ts'
import type { Finding } from '../finding.ts'
import type { InBetween } from '../proxies.ts'
import { diagnoseCors } from './cors.ts'
import { diagnoseDelivery } from './delivery.ts'
import { findInBetween } from './in-between.ts'
import { diagnoseProbe } from './probe.ts'
import { diagnosePublish } from './publish.ts'
import { diagnoseRedirects } from './redirects.ts'
import { diagnoseResponse } from './response.ts'
import { diagnoseResume } from './resume.ts'
import { diagnoseStream } from './stream.ts'
import { diagnoseTransport } from './transport.ts'

/** What is wrong, what is well, and what is in between. */
export interface Diagnosis {
  readonly between: InBetween
  /** The worst first. */
  readonly findings: readonly Finding[]
}

/** Says what facts mean. Looks at nothing else, so the same facts always give the same findings. */
export function diagnose(facts: EndpointFacts): Diagnosis {
  const between = findInBetween(facts)
  const all = [
    ...diagnoseTransport(facts),
    ...diagnoseRedirects(facts),
    ...(facts.probe
      ? diagnoseProbe(facts.probe, between)
      : [
          ...diagnoseResponse(facts, between),
          ...diagnoseDelivery(facts, between),
          ...diagnoseStream(facts),
          ...diagnoseResume(facts, between),
          ...diagnosePublish(facts, between),
        ]),
    ...diagnoseCors(facts),
  ]
  // Sorting is stable.
  return { between, findings: all.sort((one, other) => order.indexOf(one.severity) - order.indexOf(other.severity)) }
}

const order = ['fault', 'warning', 'note', 'ok'] satisfies Finding['severity'][]
