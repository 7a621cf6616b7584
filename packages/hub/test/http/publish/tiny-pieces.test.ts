import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'
import { typescript } from '../../from-source.ts'

const mebibyte = 2 ** 20
const path = '/.well-known/mercure'
const clients = 8
const bodyBytes = 64 * 1024

/** A hub of its own, and how much memory it has taken since it began. */
async function startHub() {
  const program = typescript(new URL('../hub-in-little-memory.ts', import.meta.url))
  const child = spawn(process.execPath, program, { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const url = new URL((await lines.next()).value!)
  const risenBytes = async () => {
    child.stdin.write('\n')
    return Number((await lines.next()).value)
  }
  return { url, risenBytes }
}

describe('a body in pieces of a byte takes no more than a few times what it has', { timeout: 120_000 }, () => {
  test.each([
    ['a form', 'application/x-www-form-urlencoded'],
    ['a line of a stream', 'application/x-ndjson'],
  ])('%s, in chunks of HTTP/1', async (_what, type) => {
    const { url, risenBytes } = await startHub()
    const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`
    const body = `${'1\r\nx\r\n'.repeat(bodyBytes)}0\r\n\r\n`
    await Promise.all(
      Array.from({ length: clients }, async () => {
        const socket = connect(Number(url.port), url.hostname)
        onTestFinished(() => void socket.destroy())
        socket.on('error', () => {})
        socket.write(head + body, 'latin1')
        // The hub has all of it then, and knows that it is no event.
        await once(socket, 'data')
      }),
    )
    expect(await risenBytes()).toBeLessThan(64 * mebibyte)
  })
})
