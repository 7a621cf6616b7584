import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventSource } from '@headwater/sse/client'
import { serve } from '@hono/node-server'
import express from 'express'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import { createHub, createMemoryStore, everyTopic, type Hub } from 'headwater'
import { Hono } from 'hono'
import { describe, expect, onTestFinished, test } from 'vitest'

const path = '/api/hub'

async function openHub(): Promise<Hub> {
  const hub = await createHub({
    path,
    store: createMemoryStore(),
    authorize: () => ({ publish: [everyTopic] }),
    session: { whenInterrupted: 'end' },
  })
  onTestFinished(() => hub.close())
  return hub
}

/** How an application of each framework has a hub at `/api/hub`, and paths of its own. Gives its port. */
const applications: Record<string, (hub: Hub) => Promise<number>> = {
  async 'node:http'(hub) {
    const server = createServer((req, res) => void hub.handler(req, res, () => res.end('mine'))).listen(0)
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },

  async Express(hub) {
    const app = express()
    app.use('/api', hub.handler)
    app.use((_req, res) => void res.send('mine'))
    const server = app.listen(0)
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  },

  async Fastify(hub) {
    const app = Fastify({ forceCloseConnections: true })
    onTestFinished(() => app.close())
    app.get('/healthz', () => 'mine')
    app.register(async (app) => {
      app.removeAllContentTypeParsers()
      app.addContentTypeParser('*', (_request, _body, done) => done(null))
      const answer = (request: FastifyRequest, reply: FastifyReply) => {
        reply.hijack()
        return hub.handler(request.raw, reply.raw)
      }
      app.all(path, answer)
      app.all(`${path}/*`, answer)
    })
    return Number(new URL(await app.listen({ port: 0, host: 'localhost' })).port)
  },

  async Hono(hub) {
    const app = new Hono()
    app.all(path, (c) => hub.fetch(c.req.raw))
    app.all(`${path}/*`, (c) => hub.fetch(c.req.raw))
    app.get('/healthz', (c) => c.text('mine'))
    return await new Promise((resolve) => {
      const server = serve({ fetch: app.fetch, port: 0 }, ({ port }) => resolve(port))
      onTestFinished(() => void server.close())
    })
  },
}

describe.each(Object.entries(applications))('%s has a hub at a path of its own choice', (_, start) => {
  test('that publishes and subscribes there, and leaves the other paths alone', async () => {
    const hub = await openHub()
    const origin = `http://localhost:${await start(hub)}`
    const source = new EventSource(`${origin}${path}?match=a`)
    onTestFinished(() => source.close())
    await once(source, 'open')
    const received = once(source, 'message')
    const published = await fetch(origin + path, {
      method: 'POST',
      body: new URLSearchParams({ topic: 'a', data: 'hello' }),
    })
    expect(published.status).toBe(200)
    expect(((await received)[0] as MessageEvent).data).toBe('hello')
    expect((await fetch(`${origin}${path}/last?match=a`)).status).toBe(200)
    expect(await (await fetch(`${origin}/healthz`)).text()).toBe('mine')
  })
})
