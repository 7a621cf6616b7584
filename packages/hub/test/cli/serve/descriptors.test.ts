import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { headwaterCommand } from '../../from-source.ts'

const reason = process.platform === 'win32' ? 'Windows has no such limit' : undefined
if (reason) console.log(`Running out of descriptors is not tested: ${reason}.`)

test.skipIf(reason)('a hub without a free file descriptor says so, and goes on serving', async () => {
  const flags = ['serve', '--dev', '--listen', ':0', '--store', 'memory:', '--log-format', 'json']
  const limited = ['-c', 'ulimit -n 60 && exec "$0" "$@"', process.execPath, ...headwaterCommand, ...flags]
  const child = spawn('sh', limited, { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [ready] = (await once(createInterface(child.stdout), 'line')) as [string]
  const { origin, hostname, port } = new URL(ready.split(' ').at(-1)!)

  const exhausted = new Promise<{ level: string; message: string }>((resolve) => {
    createInterface(child.stderr).on('line', (line) => {
      const { event, ...rest } = JSON.parse(line)
      if (event === 'descriptors-exhausted') resolve(rest)
    })
  })
  const stream = await fetch(`${origin}/.well-known/mercure?match=a`)
  const body = stream.body!.pipeThrough(new TextDecoderStream()).getReader()
  const other = await fetch(`${origin}/healthz`)
  expect(other.status).toBe(200)

  // The hub drops those that it cannot accept, so more are opened than fit.
  const sockets: Socket[] = []
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  for (let n = 0; n < 80; n++) sockets.push(connect(Number(port), hostname).on('error', () => {}))
  expect(await exhausted).toMatchObject({ level: 'error', message: expect.stringContaining('ulimit -n') })

  for (const socket of sockets) socket.destroy()
  for (;;) {
    const answer = await fetch(`${origin}/.well-known/mercure`, {
      method: 'POST',
      body: new URLSearchParams({ topic: 'a', data: 'after' }),
    }).catch(() => undefined)
    if (answer?.status === 200) break
  }
  for (let received = ''; !received.includes('data: after'); ) received += (await body.read()).value
  await body.cancel()
})
