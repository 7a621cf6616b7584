// What telemetry costs a publish: the same program without it, with it but not sampled, and sampled, in turn.
// node --conditions=@headwater/source bench/telemetry.ts
import { AlwaysOffSampler, AlwaysOnSampler, TracerProvider } from '@opentelemetry/sdk-trace'
import { createHub, createMemoryStore } from 'headwater'
import { median } from './median.ts'

const events = 20_000
const rounds = 9

const tracers = {
  none: undefined,
  'not sampled': new TracerProvider({ sampler: new AlwaysOffSampler() }).getTracer('bench'),
  sampled: new TracerProvider({ sampler: new AlwaysOnSampler() }).getTracer('bench'),
}

async function microsecondsPerPublish(tracer: (typeof tracers)[keyof typeof tracers]): Promise<number> {
  const telemetry = tracer ? { tracer } : false
  const hub = await createHub({ store: createMemoryStore({ maxEvents: 1000 }), authorize: () => ({}), telemetry })
  const began = process.cpuUsage()
  for (let count = 0; count < events; count++) await hub.publish({ topic: 'a', data: 'hello' })
  const { user, system } = process.cpuUsage(began)
  await hub.close()
  return (user + system) / events
}

const results = new Map(Object.keys(tracers).map((name) => [name, [] as number[]]))
for (let round = -1; round < rounds; round++) {
  for (const [name, tracer] of Object.entries(tracers)) {
    const taken = await microsecondsPerPublish(tracer)
    // The first round warms up.
    if (round >= 0) results.get(name)!.push(taken)
  }
}
for (const [name, taken] of results) {
  console.log(`${name.padEnd(12)} ${median(taken).toFixed(2)} us of CPU per publish (median of ${rounds} rounds)`)
}
