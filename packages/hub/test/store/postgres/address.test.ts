import { describe, expect, test } from 'vitest'
import { parsePostgresAddress, withoutPassword } from '../../../src/store/postgres/address.ts'
import { examineEngine } from '../../../src/store/postgres/administer.ts'
import { openPostgresStore } from '../../../src/store/postgres.ts'
import { PostgresServer } from './postgres-server.ts'

describe('the URL of a store in PostgreSQL', () => {
  test('names several hosts, a schema, the local copy, and what is for the connection', () => {
    const address = parsePostgresAddress(
      'postgres://me:s3cret@a,b:5433,[::1]:5434/app?schema=hub_1&directory=/data/x&wait=3&sslmode=verify-full',
    )
    expect(address).toEqual({
      urls: [
        'postgres://me:s3cret@a/app?sslmode=verify-full',
        'postgres://me:s3cret@b:5433/app?sslmode=verify-full',
        'postgres://me:s3cret@[::1]:5434/app?sslmode=verify-full',
      ],
      schema: 'hub_1',
      directory: '/data/x',
      waitMs: 3000,
      takeoverSeconds: 10,
      text: 'postgres://me:…@a,b:5433,[::1]:5434/app?schema=hub_1&directory=/data/x&wait=3&sslmode=verify-full',
      identity: 'postgres://a,b:5433,[::1]:5434/app?schema=hub_1',
    })
    expect(parsePostgresAddress('postgresql://db/app')).toMatchObject({
      urls: ['postgres://db/app'],
      schema: 'headwater',
      directory: './headwater-data',
      waitMs: 10_000,
      takeoverSeconds: 10,
    })
    expect(parsePostgresAddress('postgres://db/app?takeover=3')).toMatchObject({
      urls: ['postgres://db/app'],
      takeoverSeconds: 3,
    })
  })

  test.each([
    ['postgres://db', /is not the URL of a database/],
    ['postgres:///app', /has the host ""/],
    ['postgres://a,,b/app', /has the host ""/],
    ['postgres://a:x/app', /has the host "a:x"/],
    ['postgres://db/app?schema=A', /has the schema "A"/],
    ['postgres://db/app?schema=a%22b', /has the schema/],
    ['postgres://db/app?wait=soon', /has wait=soon/],
    ['postgres://db/app?takeover=1', /has takeover=1\. Write whole seconds, 2 or more/],
  ])('is refused if it is %s', (url, message) => {
    expect(() => parsePostgresAddress(url)).toThrow(message)
  })

  test('is shown without its password, whatever is in that', () => {
    expect(withoutPassword('postgres://me:p/w:d@db/app')).toBe('postgres://me:…@db/app')
    expect(() => parsePostgresAddress('postgres://me:secret@db/app?wait=x')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    )
    expect(withoutPassword('file:./data')).toBe('file:./data')
  })
})

describe('a server that cannot be used', () => {
  test('that does not answer is named with each host', async () => {
    await expect(
      openPostgresStore({ url: 'postgres://me:secret@127.0.0.1:1,127.0.0.1:2/app?wait=0' }),
    ).rejects.toMatchObject({
      code: 'STORE_FAILED',
      message: expect.stringMatching(
        /^No server of postgres:\/\/me:…@127.* takes events \(127\.0\.0\.1:1: .*ECONNREFUSED.*; 127\.0\.0\.1:2: .*\)\.$/,
      ),
    })
  })

  test('that is a standby, or whose promise is weak, is said so', async () => {
    const primary = await PostgresServer.start({ settings: { synchronous_commit: 'off' } })
    try {
      expect(await examineEngine(primary.url())).toContainEqual({
        verdict: 'worth a look',
        about: 'durability',
        text: expect.stringMatching(/^synchronous_commit is off: /),
      })
      const standby = await PostgresServer.start({ primary })
      try {
        expect(await examineEngine(standby.url())).toEqual([
          { verdict: 'bad', about: 'server', text: expect.stringContaining('it is a standby') },
        ])
      } finally {
        await standby.dispose()
      }
      await primary.query("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
      expect(await examineEngine(primary.url().replace('/postgres', '/latin'))).toEqual([
        { verdict: 'bad', about: 'server', text: expect.stringContaining('encoding LATIN1') },
      ])
    } finally {
      await primary.dispose()
    }
  })
})
