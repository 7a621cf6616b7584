import { eq, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { initializeEngine } from '../../../src/store/postgres/administer.ts'
import { openPostgresStore } from '../../../src/store/postgres.ts'
import type { StoredEvent } from '../../../src/store/store.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { PostgresServer } from './postgres-server.ts'

const orders = pgTable('orders', { id: integer().primaryKey(), state: text() })

test('a transaction of Drizzle publishes when it commits, and not when it is rolled back', async () => {
  const server = await PostgresServer.start()
  onTestFinished(() => server.dispose())
  await initializeEngine(server.url())
  await server.query('CREATE TABLE public.orders (id int PRIMARY KEY, state text)')
  await server.query("INSERT INTO public.orders VALUES (7, 'new')")
  const store = await openPostgresStore({ url: server.url({ directory: temporaryDirectory() }), onError: () => {} })
  onTestFinished(() => store.close())
  const events: StoredEvent[] = []
  await store.follow({
    onStart: () => {},
    onAppend: (more) => events.push(...more),
    onTrim: () => {},
    onFailure: () => {},
  })
  const pool = new pg.Pool({ connectionString: server.url() })
  onTestFinished(() => pool.end())
  const db = drizzle(pool)

  // As docs/cluster.md has it.
  const pay = (state: string) =>
    db.transaction(async (tx) => {
      await tx.update(orders).set({ state }).where(eq(orders.id, 7))
      await tx.execute(sql`SELECT headwater.publish(${'orders/7'}, ${JSON.stringify({ state })}::jsonb)`)
      if (state === 'refused') tx.rollback()
    })
  await expect(pay('refused')).rejects.toThrow()
  await pay('paid')
  await db.transaction(async (tx) => {
    await tx.execute(
      sql`SELECT headwater.publish(topic => ${'orders/7'}, data => ${'text'}, type => ${'said'}, private => ${true})`,
    )
  })
  await expect.poll(() => events).toHaveLength(2)
  expect(events).toMatchObject([
    { topics: ['orders/7'], data: '{"state": "paid"}', type: undefined, isPrivate: false },
    { topics: ['orders/7'], data: 'text', type: 'said', isPrivate: true },
  ])
  expect(await db.select().from(orders)).toEqual([{ id: 7, state: 'paid' }])
})
