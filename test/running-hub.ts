import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import { freePort } from '../conformance/runners/free-port.ts'

const headwater = fileURLToPath(new URL('../packages/hub/dist/cli/main.js', import.meta.url))

/** A hub in a process of its own, ended with its test. */
export interface RunningHub {
  readonly url: URL
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
}

/** Starts the built command line with `--dev`; resolves with the address once it says that it is ready. */
export function serve(...flags: string[]): Promise<RunningHub> {
  return start('--dev', ...flags)
}

/** A hub that goes by tokens of `https://example.com`, signed with the secret of a file. */
export async function serveGuarded(secretFile: string): Promise<RunningHub> {
  const port = await freePort()
  return await start(
    ...['--listen', `127.0.0.1:${port}`, '--store', 'memory:', '--issuer', 'https://example.com', '--key-alg', 'HS256'],
    ...['--anonymous', '--publisher-key', `file:${secretFile}`, '--subscriber-key', `file:${secretFile}`],
    ...['--public-urls', `http://127.0.0.1:${port}`],
  )
}

/** A token that the built command makes. */
export function tokenFrom(...flags: string[]): string {
  return execFileSync(process.execPath, [headwater, 'token', ...flags], { encoding: 'utf8' }).trim()
}

async function start(...flags: string[]): Promise<RunningHub> {
  const child = spawn(process.execPath, [headwater, 'serve', ...flags], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [line] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  const url = /^headwater listening on (\S+)\n$/.exec(line)?.[1]
  if (!url) throw new Error(`Expected the ready line, got ${JSON.stringify(line)}`)
  return {
    url: new URL(url),
    async kill(signal) {
      const exited = once(child, 'exit')
      child.kill(signal)
      await exited
    },
  }
}

/** Publishes as any program would; gives the event's ID. */
export async function publish(hub: URL, form: Record<string, string>): Promise<string> {
  const body = new URLSearchParams(form)
  const response = await fetch(new URL('/.well-known/mercure', hub), { method: 'POST', body })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`Publishing was refused: ${text}`)
  return text
}
