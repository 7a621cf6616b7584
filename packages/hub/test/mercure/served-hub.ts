import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { headwaterCommand } from '../from-source.ts'

/** A hub as the command line runs it. Unlike `Running`, it is ended by who started it, and may serve several tests. */
export interface ServedHub {
  readonly url: string
  /** What it has said on standard error. */
  readonly log: string[]
  stop(): Promise<void>
}

/** Runs `headwater serve` with these flags, on any free port of 127.0.0.1 unless they say `--listen`. Rejects with its words if it ends. */
export async function serveCommand(...flags: string[]): Promise<ServedHub> {
  const listen = flags.includes('--listen') ? [] : ['--listen', '127.0.0.1:0']
  const child = spawn(process.execPath, [...headwaterCommand, 'serve', ...listen, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log: string[] = []
  createInterface({ input: child.stderr }).on('line', (line) => log.push(line))
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })
  const url = await new Promise<string | undefined>((resolve) => {
    lines.on('line', (line) => {
      const [, url] = /^headwater listening on (\S+)$/.exec(line) ?? []
      if (url) resolve(url)
    })
    lines.on('close', () => resolve(undefined))
  })
  if (url === undefined) throw new Error(`headwater serve ${flags.join(' ')} ended:\n${log.join('\n')}`)
  return {
    url,
    log,
    async stop() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
