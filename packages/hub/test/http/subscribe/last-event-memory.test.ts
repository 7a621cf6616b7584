import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { typescript } from '../../from-source.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'

const mebibyte = 2 ** 20

test('3000 pipelined requests for the last event, by patterns, take no memory with the length of the history', {
  timeout: 120_000,
}, async () => {
  const program = typescript(new URL('hub-with-history.ts', import.meta.url))
  const child = spawn(process.execPath, [...program, temporaryDirectory()], { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const url = new URL((await lines.next()).value!)

  const socket = connect(Number(url.port), url.hostname)
  onTestFinished(() => void socket.destroy())
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk
  })
  const request = (n: number) =>
    `GET /.well-known/mercure/last?match_urlpattern=/none/${n}/:id HTTP/1.1\r\nHost: localhost\r\n\r\n`
  socket.write(Array.from({ length: 3000 }, (_, n) => request(n)).join(''))
  while (received.split('HTTP/1.1 200 OK').length <= 5) await once(socket, 'data')
  child.stdin.write('\n')
  expect(Number((await lines.next()).value)).toBeLessThan(300 * mebibyte)
})
