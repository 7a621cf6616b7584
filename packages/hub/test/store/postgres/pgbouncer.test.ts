import { describe, expect, onTestFinished, test } from 'vitest'
import type { HubError } from '../../../src/base/errors.ts'
import { examineEngine, initializeEngine } from '../../../src/store/postgres/administer.ts'
import { openPostgresStore } from '../../../src/store/postgres.ts'
import { headwater } from '../../cli/running.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { event, readDatas } from '../temporary-store.ts'
import { type PoolerOptions, startPgBouncer, whyNoPgBouncer } from './pgbouncer.ts'
import { PostgresServer } from './postgres-server.ts'

async function startPooled(options: PoolerOptions) {
  const server = await PostgresServer.start()
  onTestFinished(() => server.dispose())
  await initializeEngine(server.url())
  const port = await startPgBouncer(server, options)
  const url = () => server.url({ directory: temporaryDirectory(), wait: '5' }).replace(`:${server.port}`, `:${port}`)
  return { server, url }
}

describe('PgBouncer', () => {
  test('by session: several nodes elect one, store and bring everything, and nothing is wrong', async ({ skip }) => {
    if (whyNoPgBouncer !== undefined) skip(whyNoPgBouncer)
    const { server, url } = await startPooled({ mode: 'session' })
    const findings = await examineEngine(url())
    expect(findings.find(({ about }) => about === 'connection')).toMatchObject({
      verdict: 'good',
      text: expect.stringContaining('pools by session'),
    })
    const cautions: string[] = []
    const errors: HubError[] = []
    const open = async () => {
      const store = await openPostgresStore({
        url: url(),
        onError: (error) => errors.push(error),
        onCaution: (caution) => cautions.push(caution),
      })
      onTestFinished(() => store.close())
      return store
    }
    const stores = [await open(), await open(), await open()]
    expect(cautions.filter((caution) => caution.includes('pooler'))).toEqual([])
    await Promise.all(Array.from({ length: 60 }, (_, n) => stores[n % 3]!.append(event(`${n}`))))
    await server.query("SELECT headwater.publish('t', 'by SQL')")
    for (const store of stores) await expect.poll(() => readDatas(store)).toHaveLength(61)
    const [first, ...others] = await Promise.all(stores.map((store) => readDatas(store)))
    expect(new Set(first)).toEqual(new Set(['by SQL', ...Array.from({ length: 60 }, (_, n) => `${n}`)]))
    for (const each of others) expect(each).toEqual(first)
    expect(errors).toEqual([])
  })

  test.for([{ poolSize: 20 }, { poolSize: 1 }])(
    'by transaction: hub and check refuse it, with advice, and leave nothing to its other clients (%o)',
    async ({ poolSize }, { skip }) => {
      if (whyNoPgBouncer !== undefined) skip(whyNoPgBouncer)
      const { server, url } = await startPooled({ mode: 'transaction', poolSize })
      const advice = /a pooler in transaction mode is in between.*pool_mode = session in PgBouncer/
      expect(await examineEngine(url())).toEqual([
        { verdict: 'bad', about: 'server', text: expect.stringMatching(advice) },
      ])
      const store = openPostgresStore({ url: url(), onError: () => {} })
      await expect(store).rejects.toMatchObject({ code: 'STORE_FAILED', message: expect.stringMatching(advice) })
      const hub = headwater('serve', '--dev', '--listen', ':0', '--store', url())
      expect(await hub.ended()).toBe(1)
      expect(hub.stderr).toMatch(advice)
      // Any of the connections that they had.
      const other = await server.connect('headwater', Number(new URL(url()).port))
      onTestFinished(() => other.end())
      const { rows } = await other.query('SHOW search_path')
      expect(rows).toEqual([{ search_path: '"$user", public' }])
    },
  )
})
