import { expect, test } from 'vitest'
import { Notices } from '../../src/observe/notices.ts'

test('the newest notices are kept, and the same again within a minute is counted', () => {
  const notices = new Notices(2)
  notices.add(1000, 'refused', 'too fast: 1', { address: '10.0.0.1', code: 'RATE_LIMITED' })
  notices.add(2000, 'failed', 'disk full')
  notices.add(3000, 'refused', 'too fast: 2', { address: '10.0.0.1', code: 'RATE_LIMITED' })
  notices.add(3000, 'refused', 'too fast: 1', { address: '10.0.0.2', code: 'RATE_LIMITED' })
  expect(notices.after(0)).toEqual([
    { id: '2.2', at: 2000, kind: 'failed', text: 'disk full', count: 1 },
    { id: '2.1', at: 3000, kind: 'refused', text: 'too fast: 2', count: 2, address: '10.0.0.1', code: 'RATE_LIMITED' },
    { id: '2.3', at: 3000, kind: 'refused', text: 'too fast: 1', count: 1, address: '10.0.0.2', code: 'RATE_LIMITED' },
  ])
  expect(notices.after(2000).map(({ id }) => id)).toEqual(['2.1', '2.3'])
  notices.add(64_000, 'failed', 'disk full')
  expect(notices.after(3000)).toMatchObject([{ id: '2.4', count: 1 }])
})

test('a flood takes bounded memory', () => {
  const notices = new Notices(1)
  for (let n = 0; n < 10_000; n++) notices.add(n, 'refused', `${n} ${'x'.repeat(5000)}`, { address: `10.0.0.${n}` })
  const kept = notices.after(-1)
  expect(kept).toHaveLength(200)
  expect(kept.at(-1)!.text.length).toBeLessThan(600)
})
