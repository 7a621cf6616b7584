import { once } from 'node:events'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createHub } from '../../../src/create-hub.ts'
import { readFrame, writeFrame } from '../../../src/http/learn/websocket-frame.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { sendRaw } from '../serve-hub.ts'

async function serveHub() {
  const hub = await createHub({ store: createMemoryStore() })
  const server = await hub.listen({ host: '127.0.0.1', port: 0, learn: true })
  onTestFinished(() => server.close({ deadlineMs: 100 }))
  return server
}

async function open(url: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/learn/websocket`)
  socket.binaryType = 'arraybuffer'
  await once(socket, 'open')
  return socket
}

describe('the WebSocket of /learn', () => {
  test('sends back text and bytes as they were sent', async () => {
    const socket = await open((await serveHub()).url)
    for (const sent of ['hello', '', '한국어 👋', 'x'.repeat(300)]) {
      socket.send(sent)
      const [{ data }] = (await once(socket, 'message')) as [MessageEvent]
      expect(data).toBe(sent)
    }
    socket.send(Uint8Array.of(0, 255, 254))
    const [{ data }] = (await once(socket, 'message')) as [MessageEvent<ArrayBuffer>]
    expect([...new Uint8Array(data)]).toEqual([0, 255, 254])
    socket.close(1000)
    const [{ code, wasClean }] = (await once(socket, 'close')) as [CloseEvent]
    expect([code, wasClean]).toEqual([1000, true])
  })

  test('breaks off when it is asked to', async () => {
    const socket = await open((await serveHub()).url)
    socket.send('break')
    const [{ wasClean }] = (await once(socket, 'close')) as [CloseEvent]
    expect(wasClean).toBe(false)
  })

  test('breaks off for a frame that is too large', async () => {
    const socket = await open((await serveHub()).url)
    socket.send('x'.repeat(5000))
    await once(socket, 'close')
  })

  test.each([
    ['a page of another machine', 'Host: 127.0.0.1\r\nOrigin: http://evil.example\r\nSec-WebSocket-Key: a'],
    ['another host', 'Host: evil.example\r\nSec-WebSocket-Key: a'],
    ['a request without a key', 'Host: 127.0.0.1'],
  ])('refuses %s', async (_, headers) => {
    const { url } = await serveHub()
    const answer = await sendRaw(url, `GET /learn/websocket HTTP/1.1\r\n${headers}\r\nUpgrade: websocket\r\n\r\n`)
    expect(answer).toMatch(/^HTTP\/1\.1 403 /)
  })

  test('ends with the hub', async () => {
    const server = await serveHub()
    const socket = await open(server.url)
    const closed = once(socket, 'close')
    await server.close({ deadlineMs: 5000 })
    await closed
  })
})

describe('a frame', () => {
  /** As a client sends it. */
  const masked = (opcode: number, payload: Uint8Array, mask: Uint8Array) => {
    const plain = writeFrame({ opcode, payload: Buffer.from(payload) })
    const head = plain.subarray(0, plain.length - payload.length)
    head[1] = head[1]! | 0x80
    return Buffer.concat([head, mask, payload.map((byte, index) => byte ^ mask[index % 4]!)])
  }
  const bytes = (maxLength: number) => fc.uint8Array({ maxLength })
  const mask = fc.uint8Array({ minLength: 4, maxLength: 4 })

  test('is read whole, wherever it is cut, and nothing behind it', () => {
    fc.assert(
      fc.property(fc.constantFrom(1, 2, 8, 9, 10), bytes(400), mask, bytes(5), (opcode, payload, key, rest) => {
        const frame = masked(opcode, payload, key)
        for (let end = 0; end < frame.length; end++) expect(readFrame(frame.subarray(0, end), 400)).toBeUndefined()
        const read = readFrame(Buffer.concat([frame, rest]), 400)
        expect(read).toEqual({ frame: { opcode, payload: Buffer.from(payload) }, bytes: frame.length })
      }),
      { numRuns: 50 },
    )
  })

  test('is refused if it is not masked, in parts, or too large', () => {
    const payload = Buffer.from('hello')
    expect(readFrame(writeFrame({ opcode: 1, payload }), 100)).toBe('refused')
    expect(readFrame(Buffer.of(0x01, 0x85), 100)).toBe('refused')
    expect(readFrame(Buffer.of(0x81, 0xff), 100)).toBe('refused')
    expect(readFrame(masked(1, payload, new Uint8Array(4)), 4)).toBe('refused')
  })
})
