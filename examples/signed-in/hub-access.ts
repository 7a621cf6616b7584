// What an application does for a hub that its users reach at another host name: tokens, the cookie, and publishing.
import { createHmac, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** Where the hub is, and how long a token for it lasts. */
export interface HubSettings {
  readonly hubUrl: URL
  /** The hub's --issuer. */
  readonly issuer: string
  /** Seconds. */
  readonly tokenLifetime: number
  /** Files with the hub's --subscriber-key and --publisher-key. */
  readonly subscriberSecret: string
  readonly publisherSecret: string
}

/** The topic of what concerns one user. It is a name: nothing has to be at this URL. */
export const topicOf = (userId: string) => `https://example.com/users/${userId}`

/** A token to receive the private events of one user. */
export function subscriberToken(settings: HubSettings, userId: string): string {
  return sign(settings, settings.subscriberSecret, { sub: userId, actions: ['subscribe'], match: topicOf(userId) })
}

/** The header to answer a sign-in and each renewal with. Without Domain, it would go back to this application alone. */
export function hubCookie(settings: HubSettings, userId: string, domain: string): string {
  const isSecure = settings.hubUrl.protocol === 'https:'
  const name = isSecure ? '__Secure-mercure_access_token' : 'mercure_access_token'
  const rules = `Domain=${domain}; Path=/.well-known/mercure; Max-Age=${settings.tokenLifetime}; HttpOnly; SameSite=Strict`
  return `${name}=${subscriberToken(settings, userId)}; ${rules}${isSecure ? '; Secure' : ''}`
}

/** Publishes an event that only this user receives. */
export async function publishTo(settings: HubSettings, hub: URL, userId: string, data: unknown): Promise<void> {
  const token = sign(settings, settings.publisherSecret, { sub: 'app', actions: ['publish'], match: topicOf(userId) })
  const response = await fetch(new URL('/.well-known/mercure', hub), {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'idempotency-key': randomUUID() },
    body: new URLSearchParams({ topic: topicOf(userId), data: JSON.stringify(data), private: 'on' }),
  })
  if (!response.ok) throw new Error(`The hub refused the event: ${response.status} ${await response.text()}`)
}

function sign(settings: HubSettings, secretFile: string, { sub, actions, match }: Right): string {
  // Whatever wrote the file ended it with a line break, which is no part of the secret.
  const secret = readFileSync(secretFile, 'utf8').trimEnd()
  const now = Math.floor(Date.now() / 1000)
  const claims = {
    iss: settings.issuer,
    aud: new URL('/.well-known/mercure', settings.hubUrl),
    sub,
    client_id: sub,
    jti: randomUUID(),
    iat: now,
    exp: now + settings.tokenLifetime,
    authorization_details: [{ type: 'https://mercure.rocks/authorization-detail', actions, topics: [{ match }] }],
  }
  const signed = `${base64url({ alg: 'HS256', typ: 'at+jwt' })}.${base64url(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

interface Right {
  readonly sub: string
  readonly actions: readonly ('publish' | 'subscribe')[]
  readonly match: string
}

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
