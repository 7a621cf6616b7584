import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** Does for the workerd example what `wrangler dev` does, and returns the path of the configuration. */
export async function bundleWorker(): Promise<string> {
  const folder = fileURLToPath(new URL('../../.cache/examples/', import.meta.url))
  await build({
    entryPoints: [fileURLToPath(new URL('../workerd/worker.ts', import.meta.url))],
    outfile: `${folder}worker.mjs`,
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    loader: { '.html': 'text' },
  })
  await writeFile(`${folder}worker.capnp`, configuration)
  return `${folder}worker.capnp`
}

const configuration = `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "localhost:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed "worker.mjs")],
  compatibilityDate = "2026-11-01",
  compatibilityFlags = ["enable_request_signal"],
  durableObjectNamespaces = [(className = "GuestBook", uniqueKey = "guest-book")],
  durableObjectStorage = (inMemory = void),
  bindings = [(name = "GUEST_BOOK", durableObjectNamespace = "GuestBook")],
);
`
