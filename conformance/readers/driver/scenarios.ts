import { setTimeout as pause } from 'node:timers/promises'
import type { Run } from './run.ts'
import { control, controlWithHeartbeats, hub, hubWithHeartbeats, type ServerKind } from './server.ts'

export interface Scenario {
  readonly name: string
  readonly hub: ServerKind
  readonly control: ServerKind
  play(run: Run): Promise<void>
}

const both = { hub, control }

export const scenarios: readonly Scenario[] = [
  { ...both, name: 'two ordered stops', play: (run) => playFlow(run, 'SIGTERM') },
  { ...both, name: 'two kills', play: (run) => playFlow(run, 'SIGKILL') },
  { ...both, name: 'back after six seconds', play: playLateReturn },
  { ...both, name: 'quiet between two restarts', play: playQuietStream },
  { hub: hubWithHeartbeats, control: controlWithHeartbeats, name: 'heartbeats', play: playHeartbeats },
  { ...both, name: 'from a saved ID', play: playSavedId },
  { ...both, name: 'from a saved ID, quiet, then a kill', play: playQuietSavedId },
]

/** Events flow, and the server goes away in the middle and comes back at once, twice. */
async function playFlow(run: Run, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
  await run.startReaders()
  for (let restart = 0; restart < 2; restart++) {
    await publishSlowly(run, 50)
    await run.server.stop(signal)
    await run.server.start()
    await publishSlowly(run, 50)
    await run.untilConnected()
  }
  await publishSlowly(run, 25)
}

async function playLateReturn(run: Run): Promise<void> {
  await run.startReaders()
  await publishSlowly(run, 50)
  await run.server.stop('SIGTERM')
  await pause(6000)
  await run.server.start()
  await publishSlowly(run, 50)
}

/** Streams that bring nothing after a reconnection, and what is published while nobody is connected after that. */
async function playQuietStream(run: Run): Promise<void> {
  await run.startReaders()
  await publishSlowly(run, 1)
  for (const [first, second] of [
    ['SIGTERM', 'SIGKILL'],
    ['SIGKILL', 'SIGTERM'],
  ] as const) {
    await run.server.stop(first)
    await run.server.start()
    await run.untilConnected()
    await run.server.stop(second)
    await run.server.whileOutOfReach(() => publishSlowly(run, 5))
    await run.untilAllIsRead()
    await run.untilConnected()
  }
}

async function playHeartbeats(run: Run): Promise<void> {
  await run.startReaders()
  for (let round = 0; round < 3; round++) {
    await publishSlowly(run, 1)
    await pause(1500)
  }
  await publishSlowly(run, 1)
}

async function playSavedId(run: Run): Promise<void> {
  const ids: string[] = []
  for (let count = 0; count < 5; count++) ids.push(await run.publish())
  await run.startReaders({ savedId: ids[1]!, firstRow: 3 })
  await publishSlowly(run, 5)
}

/** A stream that begins at a saved ID and brings nothing before it breaks. */
async function playQuietSavedId(run: Run): Promise<void> {
  const savedId = await run.publish()
  await run.startReaders({ savedId, firstRow: 2 })
  await run.server.stop('SIGKILL')
  await run.server.whileOutOfReach(() => publishSlowly(run, 5))
}

async function publishSlowly(run: Run, count: number): Promise<void> {
  for (let published = 0; published < count; published++) {
    await run.publish()
    await pause(10)
  }
}
