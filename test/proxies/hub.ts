import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import { certPath } from './proxy.ts'

const headwater = fileURLToPath(new URL('../../packages/hub/dist/cli/main.js', import.meta.url))

/** `headwater serve` in a process of its own, until its test is over. */
export interface RunningHub {
  readonly url: string
  /** `127.0.0.1:PORT`. */
  readonly address: string
  /** Publishes past the proxy; gives the ID. */
  publish(data: string): Promise<string>
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>
}

export function runHub(...parameters: string[]): Promise<RunningHub> {
  return start('127.0.0.1:0', parameters)
}

/** Runs one where another was, which something else may have for a moment. */
export async function restartHub(address: string, ...parameters: string[]): Promise<RunningHub> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(address, parameters)
    } catch (error) {
      if (attempt === 20) throw error
      await wait(500)
    }
  }
}

/** `headwater doctor --serve`, until its test is over; gives its `127.0.0.1:PORT`. */
export async function runProbeServer(): Promise<string> {
  const child = spawn(process.execPath, [headwater, 'doctor', '--serve', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exited = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), exited])
  return new URL(/^headwater doctor listening on (\S+)$/.exec(String(line))![1]!).host
}

/** What `headwater doctor` complains about. */
export async function runDoctor(...parameters: string[]): Promise<{ id: string; severity: string; seen: string }[]> {
  const child = spawn(process.execPath, [headwater, 'doctor', '--json', ...parameters], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_EXTRA_CA_CERTS: certPath },
  })
  const findings: { id: string; severity: string; seen: string }[] = []
  for await (const line of createInterface(child.stdout)) findings.push(JSON.parse(line))
  expect(findings.length).toBeGreaterThan(5)
  return findings.filter(({ severity }) => severity === 'fault' || severity === 'warning')
}

async function start(address: string, parameters: readonly string[]): Promise<RunningHub> {
  const store = parameters.includes('--store') ? [] : ['--store', 'memory:']
  const child = spawn(process.execPath, [headwater, 'serve', '--dev', '--listen', address, ...store, ...parameters], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exited = once(child, 'exit')
  const kill = async (signal: 'SIGKILL' | 'SIGTERM') => {
    child.kill(signal)
    await exited
  }
  onTestFinished(() => kill('SIGKILL'))
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const [line] = await Promise.race([once(createInterface(child.stdout), 'line'), exited])
  const url = /^headwater listening on (\S+)$/.exec(String(line))?.[1]
  if (!url) throw new Error(`The hub did not start: ${stderr}`)
  return {
    url,
    address: new URL(url).host,
    async publish(data) {
      const response = await fetch(`${url}/.well-known/mercure`, {
        method: 'POST',
        body: new URLSearchParams({ topic: 'a', data }),
      })
      const text = await response.text()
      if (!response.ok) throw new Error(`Publishing was refused: ${text}`)
      return text
    },
    kill,
  }
}
