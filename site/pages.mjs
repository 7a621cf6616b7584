// Which file of the repository is which page of the site, and the sidebar.
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { modules } from './modules.mjs'

const docs = fileURLToPath(new URL('../docs', import.meta.url))

/** Pages that are not in docs/. */
const elsewhere = {
  'README.md': 'readme.md',
  'packages/hub/README.md': 'hub.md',
  'packages/sse/README.md': 'library.md',
  'bench/README.md': 'benchmarks-in-full.md',
  'examples/README.md': 'examples.md',
  'conformance/README.md': 'conformance.md',
  'ARCHITECTURE.md': 'architecture.md',
  'CONTRIBUTING.md': 'contributing.md',
  'CHANGELOG.md': 'changelog.md',
  'SECURITY.md': 'security.md',
}

/** The page of a Markdown file, with paths relative to the repository and to the site. */
export function pageOf(path) {
  if (elsewhere[path]) return elsewhere[path]
  if (path.startsWith('docs/')) return path.slice('docs/'.length)
  return `source/${path.replace(/\.md$/, '')}.md`
}

/** What the site has even if nothing links there. */
export const seeds = Object.keys(elsewhere)

/** Pages that come with work that is under way, each of which has its place once it is there. */
const underWay = ['ai']
const isMissing = (link) => underWay.includes(link.slice(1)) && !existsSync(join(docs, `${link.slice(1)}.md`))

const pages = (entries) => entries.filter(([, link]) => !isMissing(link)).map(([text, link]) => ({ text, link }))
const section = (text, entries, collapsed) => ({ text, collapsed, items: pages(entries) })

const sections = [
  section('Start', [
    ['A hub in ten minutes', '/start'],
    ['Session, channel or hub?', '/which-one'],
    ['Learn Server-Sent Events', '/learn'],
    ['Troubleshooting', '/troubleshooting'],
  ]),
  section('Concepts', [
    ['IDs and resuming', '/concepts/ids-and-resume'],
    ['Gaps', '/concepts/gaps'],
    ['Signals', '/signals'],
    ['Backpressure', '/concepts/backpressure'],
    ['Proxies', '/concepts/proxies'],
    ['The delivery contract', '/delivery'],
  ]),
  section('How to', [
    ['Signed-in users', '/signed-in-users'],
    ['Stream an answer, survive a reload', '/streams'],
    ['AI SDK, TanStack AI, MCP, tRPC', '/ai'],
    ['Publish: curl, Node, Python, PHP', '/publishing'],
    ['Receive in other languages', '/receiving'],
    ['Who is connected', '/presence'],
    ['Test your own code', '/testing'],
    ['React, Vue and Svelte', '/bindings'],
    ['One connection for all tabs', '/tabs'],
    ['CloudEvents', '/cloudevents'],
    ['GitHub Actions', '/actions'],
    ['React Native', '/react-native'],
    ['The library', '/library'],
    ['The hub', '/hub'],
  ]),
  {
    text: 'Frameworks',
    collapsed: true,
    items: pages([
      ['What is the same in each', '/frameworks'],
      ['Express', '/frameworks/express'],
      ['Fastify', '/frameworks/fastify'],
      ['Hono', '/frameworks/hono'],
      ['Koa', '/frameworks/koa'],
      ['Node’s http and http2', '/frameworks/node-http'],
      ['Nuxt, Nitro, h3', '/frameworks/nuxt'],
      ['Nest', '/frameworks/nest'],
      ['Next.js', '/frameworks/next'],
      ['SvelteKit', '/frameworks/sveltekit'],
      ['Astro', '/frameworks/astro'],
      ['React Router', '/frameworks/react-router'],
      ['Elysia', '/frameworks/elysia'],
      ['AdonisJS', '/frameworks/adonis'],
      ['Bun', '/frameworks/bun'],
      ['Deno', '/frameworks/deno'],
      ['Cloudflare Workers', '/frameworks/workers'],
    ]),
  },
  section('Operating', [
    ['Behind your proxy, with a board and an alert', '/production'],
    ['Running a hub', '/running'],
    ['Securing a hub', '/securing'],
    ['nginx, HAProxy, Caddy', '/proxies'],
    ['Limits', '/limits'],
    ['The log', '/log'],
    ['Metrics', '/metrics'],
    ['Telemetry', '/telemetry'],
    ['What SIGHUP reads', '/sighup'],
    ['The page of a hub', '/dashboard'],
    ['The command line', '/commands'],
    ['What is wrong with this stream?', '/doctor'],
    ['Several hubs', '/cluster'],
    ['Hubs at the edge', '/edge'],
    ['Scaling', '/scaling'],
    ['Damaged files', '/damage'],
  ]),
  section('Reference', [
    ['Reserved events', '/reserved-events'],
    ['The Mercure protocol', '/mercure'],
    ['Each command', '/reference/command-line'],
    ['OpenAPI and AsyncAPI', '/openapi'],
    ...modules.map(({ name, page }) => [name, `/reference/${page}`]),
    ['Changelog', '/changelog'],
  ]),
  section(
    'Compared and measured',
    [
      ['Hubs and protocols', '/compared-hubs'],
      ['Libraries', '/compared'],
      ['Benchmarks', '/benchmarks'],
      ['Clients in other languages', '/readers'],
      ['Clients that do not behave', '/zombies'],
      ['Half an hour of load', '/soak'],
      ['Several hubs, put through faults', '/cluster-tests'],
      ['From Mercure', '/migrating-from-mercure'],
      ['From eventsource', '/migrating-from-eventsource'],
      ['From fetch-event-source', '/migrating-from-fetch-event-source'],
      ['From better-sse', '/migrating-from-better-sse'],
    ],
    true,
  ),
  section(
    'The project',
    [
      ['Examples', '/examples'],
      ['Architecture', '/architecture'],
      ['Contributing', '/contributing'],
      ['Reporting a vulnerability', '/security'],
      ['Decisions', '/decisions/'],
      ['Conformance', '/conformance'],
    ],
    true,
  ),
]

/** A new page is in the sidebar even if nobody gave it a place above. */
export const sidebar = [...sections, ...furtherPages()]

function furtherPages() {
  const placed = new Set(sections.flatMap(({ items }) => items.map(({ link }) => link)))
  const entries = globSync('{*,concepts/*}.md', { cwd: docs })
    .sort()
    .map((name) => [
      /^# (?<title>.*)$/m.exec(readFileSync(join(docs, name), 'utf8'))?.[1],
      `/${name.replace(/\.md$/, '')}`,
    ])
    .filter(([, link]) => !placed.has(link))
  return entries.length > 0 ? [section('More', entries)] : []
}

export const koreanSidebar = [
  section('시작', [['10분 만에 허브 만들기', '/ko/start']]),
  section('영어 문서', [
    ['Session, channel or hub?', '/which-one'],
    ['Signed-in users', '/signed-in-users'],
    ['Behind your proxy, with a board and an alert', '/production'],
    ['Troubleshooting', '/troubleshooting'],
  ]),
]
