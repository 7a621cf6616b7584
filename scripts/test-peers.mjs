// `npm run test:peers`: the suites of `eventsource`, `eventsource-parser`, undici's EventSource, `better-sse` and others against
// ours, with a table of every test that does not pass. The suites are not kept here: they are cloned from GitHub into
// .cache/peers, or taken from folders that you have (`--from DIR`, with DIR/eventsource, DIR/undici …). Arguments are
// names of libraries to run alone; `--markdown` prints the table as docs/compared.md has it.
import { existsSync, mkdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { build } from './build.mjs'
import { ensureInstalled, fail, pinnedEnvironment, pinnedNode, root, run } from './setup.mjs'

const args = process.argv.slice(2)
const from = args.includes('--from') ? args.splice(args.indexOf('--from'), 2)[1] : undefined
ensureInstalled()
ensureInstalled(join(root, 'conformance/peers'))
if ((await build()) !== 0) fail('the build failed; its messages are above')

const { peers } = await import('../conformance/peers/peers.mjs')
const folder = from === undefined ? join(root, '.cache/peers') : resolve(from)
const wanted = args.filter((arg) => !arg.startsWith('--'))
for (const name of wanted)
  if (!peers.some((peer) => peer.name === name))
    fail(`there is no suite ${name}: ${peers.map((peer) => peer.name).join(', ')}`)
mkdirSync(join(root, '.cache/peers'), { recursive: true })
for (const { name, repository, tag, commit } of peers) {
  const checkout = join(folder, name)
  if (existsSync(checkout) || (wanted.length > 0 && !wanted.includes(name))) continue
  if (from !== undefined) fail(`there is no ${checkout}: put ${repository} there, at ${tag ?? commit}`)
  console.error(`headwater: cloning ${repository} at ${tag ?? commit}`)
  const steps = tag
    ? [['clone', '--quiet', '--depth', '1', '--branch', tag, repository, checkout]]
    : [
        ['init', '--quiet', checkout],
        ['-C', checkout, 'fetch', '--quiet', '--depth', '1', repository, commit],
        ['-C', checkout, 'checkout', '--quiet', 'FETCH_HEAD'],
      ]
  if (steps.some((step) => run('git', step) !== 0))
    fail(`could not clone ${repository}. With folders of your own: npm run test:peers -- --from DIR`)
}
const driver = join(root, 'conformance/peers/main.mjs')
process.exitCode = run(pinnedNode(), [driver, folder, ...args], { env: pinnedEnvironment() })
