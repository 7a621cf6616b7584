import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../../../conformance/runners/free-port.ts'

/** What is in front of the hubs. */
export interface Balancer {
  readonly name: string
  readonly port: number
  close(): Promise<void>
}

const haproxyBinary = '/usr/sbin/haproxy'

/** HAProxy; where it is missing, a balancer of connections of the test's own. */
export function startBalancer(hubs: readonly string[], directory: string): Promise<Balancer> {
  return existsSync(haproxyBinary) ? startHaproxy(hubs, directory) : startOwn(hubs)
}

async function startHaproxy(hubs: readonly string[], directory: string): Promise<Balancer> {
  const port = await freePort()
  const config = join(directory, 'haproxy.cfg')
  writeFileSync(
    config,
    `global
    maxconn 4000
defaults
    mode http
    option abortonclose
    option redispatch 1
    retries 3
    timeout connect 1s
    timeout client 60s
    timeout server 60s
    timeout http-request 10s
frontend public
    bind 127.0.0.1:${port}
    default_backend hubs
backend hubs
    balance roundrobin
    option httpchk GET /readyz
    # Streams of a hub that no longer answers go to another one.
    timeout check 1s
    default-server check inter 500ms fall 3 rise 1 on-marked-down shutdown-sessions
${hubs.map((hub, index) => `    server hub${index} ${hub}\n`).join('')}`,
  )
  const child: ChildProcess = spawn(haproxyBinary, ['-f', config], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4000)
  })
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`HAProxy did not start: ${said}`)
    await pause(20)
  }
  return {
    name: 'HAProxy',
    port,
    async close() {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    },
  }
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

/** Each connection goes to the next hub that takes it. */
async function startOwn(hubs: readonly string[]): Promise<Balancer> {
  const sockets = new Set<Socket>()
  let turn = 0
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    return socket
  }
  const server = createServer((client) => {
    keep(client).on('error', () => {})
    const first = turn++
    const attempt = (number: number): void => {
      if (number === hubs.length) {
        client.destroy()
        return
      }
      const [host, port] = hubs[(first + number) % hubs.length]!.split(':') as [string, string]
      const hub = keep(connect(Number(port), host))
      const next = () => attempt(number + 1)
      hub.setTimeout(1000, () => hub.destroy(new Error('no answer')))
      hub.once('error', next)
      hub.once('connect', () => {
        hub.setTimeout(0)
        hub.off('error', next).on('error', () => client.destroy())
        hub.on('close', () => client.destroy())
        client.on('close', () => hub.destroy())
        client.pipe(hub)
        hub.pipe(client)
      })
    }
    attempt(0)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    name: 'a balancer of the test',
    port: (server.address() as { port: number }).port,
    async close() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
}
