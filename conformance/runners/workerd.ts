import { basename } from 'node:path'
import type { CaseResult } from '../cases/harness/run-cases.ts'
import type { RunOrder } from '../cases/targets/run-order.ts'
import { bundleFileOf, writeCached } from './bundle.ts'
import { installed } from './runtimes.ts'
import { type ServerProcess, startServer } from './server-process.ts'

/** Runs the cases in a worker of workerd, which is sent the order as a request. */
export async function runInWorkerd(order: RunOrder): Promise<CaseResult[]> {
  const worker = await startWorkerd('cases/targets/workerd.ts')
  try {
    const response = await fetch(worker.url, { method: 'POST', body: JSON.stringify(order) })
    const text = await response.text()
    if (!response.ok) throw new Error(`workerd answered ${response.status}: ${text}\n${worker.errors()}`)
    return JSON.parse(text) as CaseResult[]
  } finally {
    await worker.stop()
  }
}

/** workerd serving one of our modules; `durableObject` is a class that it exports and finds as `SERVER`. */
export async function startWorkerd(entry: string, durableObject?: string): Promise<ServerProcess> {
  const module = basename(await bundleFileOf(entry))
  const config = await writeCached(module.replace(/mjs$/, 'capnp'), configFor(module, durableObject))
  // Descriptor 3 is where workerd says which port it got.
  const command = [installed.workerd.path, 'serve', config, '--socket-addr=http=127.0.0.1:0', '--control-fd=3']
  return startServer(command, /"event":"listen","socket":"http","port":(\d+)/, 3)
}

function configFor(module: string, durableObject: string | undefined): string {
  const object = `
  durableObjectNamespaces = [(className = "${durableObject}", uniqueKey = "server")],
  durableObjectStorage = (inMemory = void),
  bindings = [(name = "SERVER", durableObjectNamespace = "${durableObject}")],`
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
  compatibilityFlags = ["enable_request_signal"],${durableObject === undefined ? '' : object}
);
`
}
