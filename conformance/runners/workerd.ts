import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { CaseResult } from '../cases/harness/run-cases.ts'
import type { RunOrder } from '../cases/targets/run-order.ts'
import { bundleOf } from './bundle.ts'
import { writeBundle } from './child-process.ts'
import { installed } from './runtimes.ts'

/** Runs the cases in a worker of workerd, which is sent the order as a request. */
export async function runInWorkerd(order: RunOrder): Promise<CaseResult[]> {
  const worker = await startWorkerd(await bundleOf('cases/targets/workerd.ts'))
  try {
    const response = await fetch(worker.url, { method: 'POST', body: JSON.stringify(order) })
    const text = await response.text()
    if (!response.ok) throw new Error(`workerd answered ${response.status}: ${text}\n${worker.errors()}`)
    return JSON.parse(text) as CaseResult[]
  } finally {
    await worker.stop()
  }
}

/** A workerd process that serves one module. */
export interface Workerd {
  url: string
  errors: () => string
  stop: () => Promise<void>
}

export async function startWorkerd(module: string): Promise<Workerd> {
  const path = await writeBundle('workerd', module)
  const config = path.replace(/mjs$/, 'capnp')
  await writeFile(config, configFor(basename(path)))
  // Descriptor 3 is where workerd says which port it got.
  const args = ['serve', config, '--socket-addr=http=127.0.0.1:0', '--control-fd=3']
  const child = spawn(installed.workerd.path, args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    errors += text
  })
  const port = await Promise.race([
    listeningPort(child),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`workerd ended with ${code} at start.\n${errors}`))),
  ])
  return {
    url: `http://127.0.0.1:${port}`,
    errors: () => errors,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}

function configFor(module: string): string {
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "main", worker = .worker),
    # The test servers are on this machine, which workerd's outbound service does not reach by default.
    (name = "internet", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [(name = "main", esModule = embed "${module}")],
  compatibilityDate = "2026-11-01",
  compatibilityFlags = ["enable_request_signal"],
);
`
}

async function listeningPort(child: ChildProcess): Promise<number> {
  const control = child.stdio[3] as NodeJS.ReadableStream
  let text = ''
  for await (const chunk of control.setEncoding('utf8')) {
    text += chunk
    const event = /\{"event":"listen","socket":"http","port":(\d+)\}/.exec(text)
    if (event) return Number(event[1])
  }
  throw new Error(`workerd closed its control descriptor after ${JSON.stringify(text)}`)
}
