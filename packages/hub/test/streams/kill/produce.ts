import { writeSync } from 'node:fs'
import type { HubStream } from '../../../src/index.ts'
import { pauseBefore, type Script, tokenOf } from './script.ts'

/**
 * Writes a stream to its end: opens it, or takes it over and goes on where it stopped. Says on standard output
 * what is acknowledged, as `ack NAME COUNT`, and how it is over, as `over NAME HOW`.
 */
export async function produce(
  name: string,
  script: Script,
  connect: () => Pick<HubStream, 'open' | 'takeOver' | 'write' | 'close'>,
): Promise<void> {
  for (;;) {
    try {
      const { stream, done } = await begin(connect)
      for (let n = done; n < script.tokens; n++) {
        await pauseBefore(script, name, n)
        await stream.write(tokenOf(name, n))
        say(`ack ${name} ${n + 1}`)
      }
      await stream.close()
      say(`over ${name} closed`)
      return
    } catch (error) {
      const { code } = error as { code?: string }
      if (code === 'HUB_CLOSED') return
      if (code === 'STORE_FAILED') continue
      say(`over ${name} ${code ?? error}`)
      return
    }
  }
}

async function begin(connect: () => Pick<HubStream, 'open' | 'takeOver' | 'write' | 'close'>) {
  const stream = connect()
  try {
    await stream.open()
    return { stream, done: 0 }
  } catch (error) {
    if ((error as { code?: string }).code !== 'STREAM_HAS_WRITER') throw error
    const next = connect()
    return { stream: next, done: (await next.takeOver()).events.length }
  }
}

/** At once: what is not written when the process is killed is lost. */
function say(line: string): void {
  writeSync(1, `${line}\n`)
}
