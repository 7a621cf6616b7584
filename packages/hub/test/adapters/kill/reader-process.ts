// A reader of many streams by the clients of all four libraries. Of each it keeps what it has at the
// end, in a file; one that was killed reads the others again, as a page that is loaded again.
import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readArguments } from '../../streams/kill/script.ts'
import { type Kind, kindOf, type Reading } from './kinds.ts'
import { readAi } from './read-ai.ts'
import { readMcp } from './read-mcp.ts'
import { readTanStack } from './read-tanstack.ts'
import { readTrpc } from './read-trpc.ts'

const { streams, directory } = readArguments<{ streams: { name: string; app: string }[]; directory: string }>()
const readers: Record<Kind, (app: string, name: string) => Promise<Reading>> = {
  ai: readAi,
  'tanstack-ai': readTanStack,
  trpc: readTrpc,
  mcp: readMcp,
}
await Promise.all(
  streams.map(async ({ name, app }) => {
    const path = join(directory, encodeURIComponent(name))
    if (existsSync(path)) return
    const reading = await readers[kindOf(name)](app, name)
    writeFileSync(`${path}.part`, JSON.stringify(reading))
    renameSync(`${path}.part`, path)
  }),
)
process.exit(0)
