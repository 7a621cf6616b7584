// `npm start`: a hub with a page, and beside it a process that publishes this machine's vital signs every second.
// Arguments go to `headwater serve`: npm start -- --listen 127.0.0.1:8080
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { build } from './build.mjs'
import { ensureInstalled, pinnedEnvironment, pinnedNode, root } from './setup.mjs'

ensureInstalled()
if ((await build()) !== 0) process.exit(1)

const headwater = join(root, 'packages/hub/dist/cli/main.js')
const start = (args, stdio) => spawn(pinnedNode(), [headwater, ...args], { cwd: root, env: pinnedEnvironment(), stdio })

const hub = start(['serve', '--dev', ...process.argv.slice(2)], ['inherit', 'pipe', 'inherit'])
let vitals
let seen = ''
hub.stdout.on('data', (text) => {
  process.stdout.write(text)
  if (vitals) return
  seen += text
  const url = /^headwater listening on (http:\S+)$/m.exec(seen)?.[1]
  if (!url) return
  vitals = start(['vitals', '--hub', url], ['ignore', 'ignore', 'inherit'])
  console.log(`\n  Open ${url} to watch this machine's vital signs arrive. Publish something yourself:`)
  console.log(`  curl -d topic=log -d data=hello ${url}/.well-known/mercure\n`)
  console.log(`  New to Server-Sent Events? Try each part of them: ${url}/learn\n`)
})

// Ctrl-C reaches the whole process group by itself; a plain `kill` reaches only us, so it is passed on.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => hub.kill(signal))
// Whoever kills npm kills the shell between npm and us, which passes nothing on.
const npm = process.ppid
setInterval(() => process.ppid !== npm && hub.kill(), 500).unref()
hub.on('exit', (code, signal) => {
  vitals?.kill()
  process.exitCode = code ?? (signal ? 1 : 0)
})
