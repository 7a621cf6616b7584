import { createHub } from 'headwater'
import { afterAll, expect, test, vi } from 'vitest'

vi.mock('headwater', { spy: true })

// Next.js itself takes 340 MB and a minute to install: docs/frameworks.md says what was tried with it.
// Here each import is a bundle of its own, as those of a page, of a route and of `pages/api` are.
const bundle = async (name: string) => {
  vi.resetModules()
  const { theHub } = (await import('../next/lib/hub.ts')) as typeof import('../next/lib/hub.ts')
  const route = (await import('../next/app/api/hub/[[...path]]/route.ts')) as {
    GET(request: Request): Promise<Response>
  }
  return { name, theHub, ...route }
}

afterAll(async () => (await globalThis.headwaterHub)?.close())

test('the hub of the Next.js example is one, however often its module is bundled, and is opened when it is used', async () => {
  const [page, route] = [await bundle('page'), await bundle('route')]
  expect(page.theHub).not.toBe(route.theHub)
  expect(globalThis.headwaterHub).toBeUndefined()
  expect(createHub).not.toHaveBeenCalled()
  const response = await route.GET(new Request('http://app.example/api/hub?match=a'))
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  await (await page.theHub()).publish({ topic: 'a', data: 'from a page' })
  let received = ''
  while (!received.includes('data: from a page')) received += (await reader.read()).value
  expect(await page.theHub()).toBe(await route.theHub())

  // As Next.js, which ends when its last response has.
  process.emit('SIGTERM')
  for (;;) if ((await reader.read()).done) break
})
