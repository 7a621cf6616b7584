import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Session } from '@headwater/sse/server'
import { serve } from '@hono/node-server'
import Fastify from 'fastify'
import { Hono } from 'hono'
import { describe, expect, onTestFinished, test } from 'vitest'
import { eventSessions } from '../fastify/event-sessions.ts'
import { eventSession } from '../hono/event-session.ts'

describe('the Fastify plugin', () => {
  test('opens a session with the headers that hooks and the route have set', async () => {
    const { url, sessions } = await start()
    const response = await fetch(url)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'x-hook': '1',
      'x-route': '2',
    })
    sessions[0]!.close()
    expect(await response.text()).toContain(':')
  })

  test('notices a client that leaves', async () => {
    const { url, sessions } = await start()
    const leaving = new AbortController()
    await fetch(url, { signal: leaving.signal })
    leaving.abort()
    expect(await sessions[0]!.closed).toBe('client-left')
  })

  test('ends the open sessions when the application is closed, which waits for nothing else', async () => {
    const { app, url, sessions } = await start()
    const response = await fetch(url)
    await app.close()
    expect(await sessions[0]!.closed).toBe('drained')
    await expect(response.text()).rejects.toThrow()
  })

  async function start() {
    const sessions: Session[] = []
    const app = Fastify()
    app.register(eventSessions)
    app.addHook('onRequest', async (_request, reply) => void reply.header('x-hook', '1'))
    app.get('/', (_request, reply) => {
      sessions.push(reply.header('x-route', '2').openSession())
    })
    onTestFinished(async () => {
      app.server.closeAllConnections()
      await app.close()
    })
    return { app, sessions, url: await app.listen({ port: 0, host: 'localhost' }) }
  }
})

describe('the Hono helper', () => {
  test('answers with the headers that middleware and the handler have set', async () => {
    const { url, sessions } = await start()
    const response = await fetch(url)
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'x-middleware': '1',
      'x-handler': '2',
    })
    sessions[0]!.close()
    expect(await response.text()).toContain(':')
  })

  test('notices a client that leaves', async () => {
    const { url, sessions } = await start()
    const leaving = new AbortController()
    await fetch(url, { signal: leaving.signal })
    leaving.abort()
    expect(await sessions[0]!.closed).toBe('client-left')
  })

  test('answers 204 to a client that returns after the final end', async () => {
    const { url, sessions } = await start()
    const headers = { accept: 'text/event-stream' }
    const response = await fetch(url, { headers })
    sessions[0]!.close()
    const lastEventId = /id: (headwater-end\.\S*)/.exec(await response.text())?.[1] as string
    expect((await fetch(url, { headers: { ...headers, 'last-event-id': lastEventId } })).status).toBe(204)
  })

  async function start() {
    const sessions: Session[] = []
    const app = new Hono()
    app.use(async (c, next) => {
      c.header('x-middleware', '1')
      await next()
    })
    app.get('/', (c) => {
      c.header('x-handler', '2')
      return eventSession(c, (session) => sessions.push(session))
    })
    const server = serve({ fetch: app.fetch, port: 0, hostname: 'localhost' })
    if (!server.listening) await once(server, 'listening')
    onTestFinished(() => void server.close())
    return { sessions, url: `http://localhost:${(server.address() as AddressInfo).port}` }
  }
})
