import { describe, expect, test } from 'vitest'
import { problemOf, serve } from '../serve-hub.ts'

/** The text of a stream up to an event. `publish` runs once it is open. */
async function textUntil(url: string, query: string, last: string, publish?: () => Promise<unknown>): Promise<string> {
  const response = await fetch(`${url}?${query}`, { headers: { accept: 'text/event-stream' } })
  expect(response.status).toBe(200)
  await publish?.()
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  while (!text.includes(`data: ${last}\n`)) text += (await reader.read()).value
  await reader.cancel()
  return text
}

describe('show_matchers=1', () => {
  test('says of each event, live and replayed, which matchers of the request select it', async () => {
    const { url, post } = await serve()
    const publish = async () => {
      await post({ topic: 'b', data: 'of b' })
      await post({ topic: 'other', data: 'of none' })
      await post([
        ['topic', 'https://example.com/books/1'],
        ['topic', 'a'],
        ['data', 'of both'],
      ])
    }
    const query = `match=a&match=b&match_urlpattern=${encodeURIComponent('https://example.com/books/:id')}&show_matchers=1`
    const live = await textUntil(url, query, 'of both', publish)
    expect(live).toContain('\n:matches 1\ndata: of b\n')
    expect(live).toContain('\n:matches 0 2\ndata: of both\n')
    const replayed = await textUntil(url, `${query}&last_event_id=earliest`, 'of both')
    expect(replayed).toContain(':matches 1\ndata: of b\n')
    expect(replayed).toContain('\n:matches 0 2\ndata: of both\n')
  })

  test('is a word of the subscriber alone: others with the same matchers see none', async () => {
    const { url, post } = await serve()
    const publish = () => post({ topic: 'a', data: 'one' })
    const plain = await textUntil(url, 'match=a&match=b', 'one', async () => {
      const swapped = textUntil(url, 'match=b&match=a&show_matchers=1', 'one', async () => {
        const marked = textUntil(url, 'match=a&match=b&show_matchers=1', 'one', publish)
        expect(await marked).toContain(':matches 0\n')
      })
      expect(await swapped).toContain(':matches 1\n')
    })
    expect(plain).not.toContain(':matches')
  })

  test('another value is refused', async () => {
    const { url } = await serve()
    const response = await fetch(`${url}?match=a&show_matchers=yes`)
    expect(response.status).toBe(400)
    expect((await problemOf(response)).detail).toContain('show_matchers is "yes"')
  })
})
