// An application whose users receive what is theirs from a hub at another host name. docs/signed-in-users.md says how to run it.
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { type HubSettings, hubCookie, publishTo, topicOf } from './hub-access.ts'

const appUrl = new URL(process.env.APP_URL ?? 'http://www.example.localhost:8080')
const hub: HubSettings = {
  hubUrl: new URL(process.env.HUB_URL ?? 'http://hub.example.localhost:3000'),
  issuer: 'https://example.com',
  tokenLifetime: Number(process.env.TOKEN_LIFETIME ?? 900),
  subscriberSecret: 'subscriber.secret',
  publisherSecret: 'publisher.secret',
}
/** Where this application reaches the hub: within a data centre, seldom by its public name. */
const hubInside = new URL(process.env.HUB_INSIDE ?? 'http://127.0.0.1:3000')
/** What both host names end in: example.com of www.example.com and hub.example.com. */
const domain = appUrl.hostname.replace(/^[^.]+\./, '')
const page = readFileSync(new URL('page.html', import.meta.url), 'utf8')

const users = new Map<string, string>() // by session; in a real application, a table

async function answer(req: IncomingMessage): Promise<Answer> {
  const session = /(?:^|; )session=([\w-]+)/.exec(req.headers.cookie ?? '')?.[1]
  const user = session && users.get(session)
  switch (`${req.method} ${req.url}`) {
    case 'GET /': {
      const settings = { hub: hub.hubUrl, topic: topicOf(user ?? ''), renewEvery: (hub.tokenLifetime * 1000) / 3, user }
      return { type: 'text/html; charset=utf-8', body: page.replace('SETTINGS', JSON.stringify(settings)) }
    }
    case 'POST /sign-in': {
      // A real application asks for a password here.
      const name = new URLSearchParams(await text(req)).get('name')?.replaceAll(/\W/g, '') || 'nobody'
      const started = randomUUID()
      users.set(started, name)
      return seeOther([`session=${started}; Path=/; HttpOnly; SameSite=Lax`, hubCookie(hub, name, domain)])
    }
    case 'POST /renew':
      return user ? { status: 204, cookies: [hubCookie(hub, user, domain)] } : { status: 401 }
    case 'POST /sign-out':
      if (session) users.delete(session)
      return seeOther(['session=; Path=/; Max-Age=0', hubCookie({ ...hub, tokenLifetime: 0 }, user ?? '', domain)])
    case 'POST /notes': {
      if (!user) return { status: 401 }
      await publishTo(hub, hubInside, user, { note: await text(req) })
      return { status: 204 }
    }
    default:
      return { status: 404 }
  }
}

interface Answer {
  readonly status?: number
  readonly cookies?: readonly string[]
  readonly location?: string
  readonly type?: string
  readonly body?: string
}

function seeOther(cookies: readonly string[]): Answer {
  return { status: 303, cookies, location: '/' }
}

const { TLS_CERT, TLS_KEY } = process.env
const server =
  TLS_CERT && TLS_KEY
    ? createHttpsServer({ cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) })
    : createHttpServer()
server.on('request', async (req, res) => {
  try {
    const { status = 200, cookies = [], location, type, body } = await answer(req)
    res.statusCode = status
    res.setHeader('set-cookie', cookies)
    if (location) res.setHeader('location', location)
    if (type) res.setHeader('content-type', type)
    res.end(body)
  } catch (error) {
    console.error(error)
    res.writeHead(502).end()
  }
})
server.listen(Number(process.env.PORT ?? appUrl.port), '127.0.0.1', () => console.log(`Open ${appUrl}`))
