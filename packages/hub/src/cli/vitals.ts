import os from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as wait } from 'node:timers/promises'
import { Command } from 'commander'
import { HubError } from '../base/errors.ts'
import { publishOnce } from './hub-client.ts'
import { usesHubConfiguration } from './options/configuration.ts'
import { hubOption, tokenOption } from './options/hub-option.ts'

/** One reading, as sent in the data of an event of type `vitals`. */
export interface Vitals {
  /** The time of the reading, in milliseconds since 1970. */
  at: number
  host: string
  cpuCount: number
  /** Share of all processors in use since the previous reading, 0 to 1. */
  cpu: number
  load1: number
  load5: number
  load15: number
  memoryUsedBytes: number
  memoryTotalBytes: number
  /** How late this process's timers fired since the previous reading. */
  eventLoopDelayP50Ms: number
  eventLoopDelayP99Ms: number
  /** Time since the machine was started. */
  uptimeSeconds: number
}

interface VitalsOptions {
  topic: string
  hub: URL
  token?: string
}

const intervalMs = 1000

export function vitalsCommand(): Command {
  const command = new Command('vitals')
    .summary("publish this machine's vital signs every second")
    .description(
      'Publishes the load, memory, processor use and event-loop delay of this machine every second, as JSON in events of type "vitals". While the hub is away, the command keeps trying, and drops the readings of that time.',
    )
    .option('-t, --topic <topic>', 'topic', 'vitals')
    .addOption(hubOption())
    .addOption(tokenOption())
    .addHelpText(
      'after',
      `
Example:
  headwater vitals -t vitals`,
    )
    .action(publishVitals)
  return usesHubConfiguration(command, ['hub'])
}

async function publishVitals({ topic, hub, token }: VitalsOptions): Promise<void> {
  console.error(`headwater: publishing this machine's vital signs to topic "${topic}" of ${hub.origin} every second.`)
  const read = startReading()
  let isAway = false
  let wasThere = false
  for (;;) {
    await wait(intervalMs - (Date.now() % intervalMs))
    const fields = new URLSearchParams({ topic, type: 'vitals', data: JSON.stringify(read()) })
    const outcome = await publishOnce(hub, fields, { token })
    if (outcome.name === 'refused') throw new HubError('HUB_REFUSED', `The hub refused the event: ${outcome.reason}`)
    if (outcome.name === 'away' && !outcome.mayPass && !wasThere) {
      throw new HubError('HUB_UNREACHABLE', `No hub answers at ${hub.origin}: ${outcome.reason}.`)
    }
    if (outcome.name === 'published') wasThere = true
    if (outcome.name === 'away' && !isAway) {
      console.error(`headwater: no answer from ${hub.origin} (${outcome.reason}); retrying until there is one.`)
    }
    isAway = outcome.name === 'away'
  }
}

/**
 * Returns a function that reads the vital signs. Values over a time cover the time since its last
 * call.
 */
function startReading(): () => Vitals {
  const delay = monitorEventLoopDelay({ resolution: 10 })
  delay.enable()
  let before = cpuTimes()

  return () => {
    const now = cpuTimes()
    const [total, idle] = [now.total - before.total, now.idle - before.idle]
    before = now
    const [load1 = 0, load5 = 0, load15 = 0] = os.loadavg()
    const vitals: Vitals = {
      at: Date.now(),
      host: os.hostname(),
      cpuCount: os.availableParallelism(),
      cpu: total > 0 ? round((total - idle) / total) : 0,
      load1,
      load5,
      load15,
      memoryUsedBytes: os.totalmem() - os.freemem(),
      memoryTotalBytes: os.totalmem(),
      // The histogram records the time between timers of 10 ms. What exceeds that is delay.
      eventLoopDelayP50Ms: round(Math.max(0, delay.percentile(50) / 1e6 - 10)),
      eventLoopDelayP99Ms: round(Math.max(0, delay.percentile(99) / 1e6 - 10)),
      uptimeSeconds: Math.floor(os.uptime()),
    }
    delay.reset()
    return vitals
  }
}

function cpuTimes(): { total: number; idle: number } {
  const times = os.cpus().map((cpu) => cpu.times)
  return {
    total: times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0),
    idle: times.reduce((sum, { idle }) => sum + idle, 0),
  }
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000
}
