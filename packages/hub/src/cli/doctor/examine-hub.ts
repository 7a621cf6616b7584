import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { hubPath } from '../../base/hub-path.ts'
import type { PublishFacts } from './endpoint-facts.ts'
import type { Exchange } from './exchange.ts'
import { type ExchangeRequest, openExchange } from './open-exchange.ts'
import type { Target } from './target.ts'

/**
 * Subscribes to a topic of its own at a hub, and publishes to it: once to be timed, once more while
 * nobody is connected. If the hub lists its subscriptions for us, sees whether it notices that the
 * subscriber leaves. `undefined` if it is no hub, or there is nothing to publish with.
 */
export async function examineHub(
  target: Target,
  request: ExchangeRequest,
  onProgress: (text: string) => void,
): Promise<PublishFacts | undefined> {
  const { timeoutMs, headers } = target
  const isHub = request.url.pathname.endsWith(hubPath)
  const own = isHub && headers.authorization !== undefined ? request.url : undefined
  const publishUrl = target.publishUrl ?? own
  if (!isHub || !publishUrl) return undefined
  onProgress('publishing a probe event')
  const topic = `urn:headwater:doctor:${randomUUID()}`
  const url = new URL(request.url)
  url.search = ''
  // Both spellings: of hubs that speak the protocol's current version, and the one before.
  url.searchParams.append('match', topic)
  url.searchParams.append('topic', topic)
  const send = async (data: string) => {
    const { accept: _, ...rest } = request.headers
    const to = new URL(publishUrl)
    if (publishUrl === own) to.search = ''
    const isSame = to.origin === target.url.origin
    const live = openExchange({
      ...request,
      url: to,
      method: 'POST',
      headers: {
        ...(isSame ? rest : {}),
        'accept-encoding': 'identity',
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({ topic, data }).toString(),
    })
    await live.until(() => false, timeoutMs)
    live.close()
    return live.facts
  }
  const has = (data: string) => (facts: Exchange) => facts.blocks.some((block) => block.data === data)
  const subscriber = openExchange({ ...request, url, method: 'GET', body: undefined })
  await subscriber.until(({ status }) => status !== undefined, timeoutMs)
  const began = performance.now()
  const answer = await send('one')
  const isThere = answer.status === 200 && (await subscriber.until(has('one'), timeoutMs / 2))
  const arrivedMs = isThere ? performance.now() - began : undefined
  const id = subscriber.facts.blocks.findLast(({ id }) => id !== undefined)?.id
  const list = new URL(url)
  list.pathname += '/subscriptions'
  list.search = ''
  const isListed = async () => {
    const { accept: _, ...headers } = request.headers
    const live = openExchange({
      ...request,
      url: list,
      method: 'GET',
      body: undefined,
      headers: { ...headers, 'accept-encoding': 'identity' },
    })
    await live.until(() => false, timeoutMs)
    live.close()
    return live.facts.status === 200 && live.facts.text.includes(topic)
  }
  const wasListed = isThere && (await isListed())
  subscriber.close()
  const isLeavingNoticed = wasListed ? await becomes(async () => !(await isListed()), timeoutMs / 4) : undefined
  const about = {
    status: answer.status,
    detail: answer.text.slice(0, 300),
    subscribed: subscriber.facts,
    arrivedMs,
    isLeavingNoticed,
  }
  if (!isThere || id === undefined) return { ...about, isResumed: undefined }
  await send('two')
  const again = openExchange({
    ...request,
    url,
    method: 'GET',
    body: undefined,
    headers: { ...request.headers, 'last-event-id': id },
  })
  const isResumed = await again.until(has('two'), timeoutMs / 2)
  again.close()
  return { ...about, isResumed: isResumed && !has('one')(again.facts) }
}

async function becomes(isSo: () => Promise<boolean>, timeoutMs: number): Promise<boolean> {
  for (const until = performance.now() + timeoutMs; performance.now() < until; ) {
    if (await isSo()) return true
    await wait(100)
  }
  return isSo()
}
