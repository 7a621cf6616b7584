// The tarballs as a user has them: installed into an empty folder, imported, compiled against, run.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { pinnedEnvironment, pinnedNode, root } from '../setup.mjs'
import { outcomeOf } from './outcome.mjs'
import { run } from './stage.mjs'

/** What the packages have a binding or an adapter for, and what their types are written with: as a user would have them. */
const companions = ['react', 'svelte', 'vue', 'ai', '@tanstack/ai', '@trpc/server', '@types/node']

/** The entries that run code of a companion. */
const needy = { '@headwater/sse': ['./react', './svelte', './vue'], headwater: ['./ai-sdk/client', './trpc'] }

/** The outcomes by package. The folder has the packages and their companions installed afterwards. */
export async function tryOut(folder, packages) {
  const [sse, hub] = packages
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'user', private: true, type: 'module' }))
  const installed = await outcomeOf('installs', () => {
    install(
      folder,
      packages.map(({ tarball }) => tarball),
    )
  })
  const withoutPeers = (each) => {
    return outcomeOf('imports without frameworks', () => {
      return importAll(folder, each, (path) => !needy[each.name].includes(path))
    })
  }
  const alone = [await withoutPeers(sse), await withoutPeers(hub)]
  const completed = await outcomeOf('installs beside frameworks', () => {
    install(
      folder,
      companions.map((name) => `${name}@${versionOf(name)}`),
    )
  })
  return new Map([
    [
      sse.name,
      [
        installed,
        alone[0],
        completed,
        await outcomeOf('imports', () => importAll(folder, sse)),
        await outcomeOf('types', () => compile(folder, sse)),
      ],
    ],
    [
      hub.name,
      [
        installed,
        alone[1],
        completed,
        await outcomeOf('imports', () => importAll(folder, hub)),
        await outcomeOf('types', () => compile(folder, hub)),
        await outcomeOf('npx headwater --version', () => checkVersion(folder, hub)),
        await outcomeOf('headwater serve', () => serve(folder)),
      ],
    ],
  ])
}

function install(folder, names) {
  const args = ['install', '--loglevel=error', '--no-fund', '--no-audit', '--prefer-offline', ...names]
  run('npm', args, folder)
}

/** As our own lock file has it, so that it is in npm's cache. */
function versionOf(name) {
  return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version
}

/** Imports each entry of a package by its name. */
function importAll(folder, { name, manifest }, isWanted = () => true) {
  const paths = Object.keys(manifest.exports).filter((path) => !path.endsWith('.json') && isWanted(path))
  const names = paths.map((path) => `${name}${path.slice(1)}`)
  const program = `for (const name of ${JSON.stringify(names)}) {
  if (Object.keys(await import(name)).length === 0) throw new Error(name + ' exports nothing')
}`
  run(pinnedNode(), ['--input-type=module', '--eval', program], folder)
  return `${names.length} entries`
}

const programs = {
  '@headwater/sse': `import { defineEvents } from '@headwater/sse'
import { events as connect } from '@headwater/sse/client'
import { liveEvents } from '@headwater/sse/live'
import { useEvents as useReact } from '@headwater/sse/react'
import { createChannel } from '@headwater/sse/server'
import { useEvents as useSvelte } from '@headwater/sse/svelte'
import { createTestServer } from '@headwater/sse/testing'
import { useEvents as useVue } from '@headwater/sse/vue'

const events = defineEvents<{ tick: { price: number } }>()
createChannel({ events }).broadcast({ type: 'tick', data: { price: 1 } })
for await (const { data } of connect('http://127.0.0.1/', { events })) console.log(data.price.toFixed())
const prices: (number | undefined)[] = [
  liveEvents('/', { events }).getSnapshot().last?.data.price,
  useReact('/', { events }).last?.data.price,
  useSvelte('/', { events }).current.last?.data.price,
  useVue('/', { events }).last.value?.data.price,
]
// @ts-expect-error a price is a number
createChannel({ events }).broadcast({ type: 'tick', data: { price: 'high' } })
export { createTestServer, prices }
`,
  headwater: `import { streamText, type UIMessage } from 'ai'
import { createHub, createMemoryStore } from 'headwater'
import { createResumableStreamContext } from 'headwater/ai-sdk'
import { ResumableChatTransport } from 'headwater/ai-sdk/client'
import { createMcpEventStore } from 'headwater/mcp'
import { hubDurability } from 'headwater/tanstack-ai'
import { trackedStream } from 'headwater/trpc'

const hub = await createHub({ store: createMemoryStore() })
const id: string = await hub.publish({ topic: 'log', data: 'x' })
// @ts-expect-error an event has a topic
await hub.publish({ data: 'x' })
const adapters = [
  createResumableStreamContext({ hub }).hasExistingStream('a'),
  new ResumableChatTransport<UIMessage>({ api: '/' }),
  createMcpEventStore(hub, { sessionId: 'a' }).storeEvent('b', {}),
  hubDurability(hub, { runId: 'a' }).snapshot(),
  trackedStream(hub.stream('a')),
]
export { adapters, id, streamText }
`,
}

/** Compiles a small program against the package, as strictly as TypeScript can. */
function compile(folder, { name }) {
  writeFileSync(join(folder, 'program.ts'), programs[name])
  const compilerOptions = {
    ...{ target: 'es2024', module: 'nodenext', strict: true, exactOptionalPropertyTypes: true, noEmit: true },
    ...{ types: ['node'], lib: ['ES2024', 'ESNext.Disposable', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'] },
    // Those of the companions are theirs.
    skipLibCheck: true,
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }))
  run(pinnedNode(), [join(root, 'node_modules/typescript/bin/tsc'), '--pretty', 'false', '-p', folder], folder)
}

function checkVersion(folder, { version }) {
  const printed = run('npx', ['--no-install', 'headwater', '--version'], folder, { env: pinnedEnvironment() }).trim()
  if (printed !== version) throw new Error(`it prints ${printed}, not ${version}`)
  return printed
}

/** Starts the command, publishes and receives one event, and stops it. */
async function serve(folder) {
  // Not by npx, which may not pass the signal on.
  const command = [join('node_modules', 'headwater', 'bin', 'headwater.js'), 'serve']
  const child = spawn(pinnedNode(), [...command, '--dev', '--store', 'memory:', '--listen', '127.0.0.1:0'], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended = new Promise((resolve) => child.once('exit', (code) => resolve(code)))
  try {
    const url = `${await listening(child, ended)}/.well-known/mercure`
    const published = await fetch(url, { method: 'POST', body: new URLSearchParams({ topic: 'log', data: 'hello' }) })
    if (published.status !== 200) throw new Error(`publishing: ${published.status} ${await published.text()}`)
    const stream = await fetch(`${url}?match=log&last_event_id=earliest`, { signal: AbortSignal.timeout(60_000) })
    let received = ''
    for await (const chunk of stream.body.pipeThrough(new TextDecoderStream())) {
      received += chunk
      if (received.includes('data: hello\n')) break
    }
  } finally {
    child.kill('SIGTERM')
  }
  const code = await ended
  if (code !== 0) throw new Error(`it ended with ${code} after SIGTERM`)
  return 'published, received, stopped'
}

/** The address at which it says that it listens. */
async function listening(child, ended) {
  const output = []
  const address = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        output.push(line)
        const [url] = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(line) ?? []
        if (url) resolve(url)
      })
    }
  })
  const stopped = ended.then((code) => {
    throw new Error(`it ended with ${code}: ${output.join(' ')}`)
  })
  return Promise.race([address, stopped])
}
