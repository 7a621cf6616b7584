import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { beforeEach, describe, expect, test } from 'vitest'
import { configurationSchema, readConfiguration } from '../../../src/cli/options/configuration.ts'
import { serveCommand } from '../../../src/cli/serve/serve.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { headwater, startHub } from '../running.ts'

let file: string

beforeEach(() => {
  const directory = temporaryDirectory()
  file = join(directory, 'headwater.config.json')
})

const write = (configuration: unknown) => writeFileSync(file, JSON.stringify(configuration))

/** The options of `headwater serve` with these flags, this environment, and the file. */
function configured(flags: string[] = [], environment: Record<string, string> = {}): Record<string, unknown> {
  const command = serveCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
  command.parseOptions([...flags, '--config', file])
  readConfiguration(command, environment)
  return command.opts()
}

describe('the configuration', () => {
  test('is read from flags, the environment and the file, in this order of precedence', () => {
    write({
      listen: '[::1]:1',
      maxAge: '1h',
      maxEvents: 5,
      maxMatchers: '7',
      dev: true,
      corsOrigins: ['https://a.example'],
    })
    const environment = { HEADWATER_MAX_AGE: '2h', HEADWATER_MAX_MATCHERS: '8', HEADWATER_MAX_BYTES: '1MB' }
    expect(configured(['--max-matchers', '9'], environment)).toMatchObject({
      listen: { host: '::1', port: 1 },
      maxAge: 7200,
      maxEvents: 5,
      maxBytes: 1e6,
      maxMatchers: 9,
      dev: true,
      corsOrigins: ['https://a.example'],
      store: 'file:./headwater-data',
      durability: 'full',
    })
  })

  test('takes flags without a value as true or false, and lists as text or arrays', () => {
    write({ dev: false, corsOrigins: 'https://a.example https://b.example', trustedProxies: ['10.0.0.1', '10.0.0.2'] })
    expect(configured([], { HEADWATER_COMPAT: '1', HEADWATER_ANONYMOUS: 'off' })).toMatchObject({
      compat: true,
      corsOrigins: ['https://a.example', 'https://b.example'],
      trustedProxies: ['10.0.0.1', '10.0.0.2'],
    })
    expect(configured([])).not.toHaveProperty('dev', true)
  })

  test('tells everything that is wrong at once, by key', () => {
    write({
      $schema: './schema.json',
      listen: 'nowhere',
      maxEvents: -1,
      durability: 'some',
      dev: 'yes',
      store: { file: 'x' },
      corsOrigins: [1, {}],
      cors_origins: [],
      colour: 'blue',
    })
    let message = ''
    try {
      configured([], { HEADWATER_MAX_BODY_BYTES: 'big', HEADWATER_DEV: 'maybe' })
    } catch (error) {
      message = (error as Error).message
      expect(error).toMatchObject({ code: 'INVALID_OPTION' })
    }
    const lines = message.split('\n').map((line) => line.trim())
    expect(lines).toHaveLength(10)
    for (const [index, start] of [
      `${file}: listen: `,
      `${file}: maxEvents: `,
      `${file}: durability: `,
      `${file}: dev: "yes" is neither true nor false`,
      `${file}: store: {"file":"x"} is not a string`,
      `${file}: corsOrigins: [1,{}] is not a string or an array`,
      `${file}: there is no option "cors_origins"; there is "corsOrigins"`,
      `${file}: there is no option "colour". The options are: listen, `,
    ].entries()) {
      expect(lines[index]).toContain(start)
    }
    expect(message).toContain('HEADWATER_MAX_BODY_BYTES: ')
    expect(message).toContain('HEADWATER_DEV: "maybe" is neither true nor false')
  })

  test.each([
    [
      ['--trusted-proxies', 'proxy.example'],
      '--trusted-proxies: "proxy.example" is not the address of a proxy. Write it like',
    ],
    [
      ['--public-urls', 'hub.example.com'],
      '--public-urls: "hub.example.com" is not a public URL of a hub. Write it like',
    ],
    [['--cors-origins', 'a.example'], '--cors-origins: "a.example" is not an origin. An origin looks like'],
    [['--headers-timeout', '10'], '--headers-timeout is "10". Write a number and its unit'],
    [['--max-connection-age', 'long'], '--max-connection-age is "long". Write a number and its unit'],
    [['--shutdown-deadline', '0s'], '--shutdown-deadline is "0s". Write a number and its unit'],
    [['--max-connections', '0'], '--max-connections 0 is not a limit. Write a whole number, 1 or more'],
    [
      ['--max-subscribers-per-token', '-1'],
      '--max-subscribers-per-token -1 is not a limit. Write a whole number, 1 or more',
    ],
    [['--log-format', 'xml'], 'Allowed choices are text, json'],
    [['--log-level', 'loud'], 'Allowed choices are debug, info, warn, error'],
  ])('refuses the flags %j, and says which value and what to do', (flags, message) => {
    write({})
    expect(() => configured(flags)).toThrow(message)
  })

  test.each([
    ['{', 'cannot be read'],
    ['[]', 'is not a configuration'],
  ])('is not read from %s', (text, reason) => {
    writeFileSync(file, text)
    expect(() => configured()).toThrow(reason)
  })

  test.each([
    '{\n  "publisherKey": "the-secret-of-publishers" oops\n}',
    '{\n  "publisherKey": the-secret-of-publishers\n}',
    '{\n  "publisherKey": "the-secret-of-publishers\n}',
    '{\n  "publisherKey": {"kty":"oct","k":"the-secret-of-publishers"}\n}',
    '{\n  "publisherKey": ["x", ["the-secret-of-publishers"]]\n}',
  ])('that is broken is told by its place, and nothing of a key is: %j', (text) => {
    writeFileSync(file, text)
    let error: unknown
    try {
      configured()
    } catch (thrown) {
      error = thrown
    }
    expect(error).toMatchObject({ code: 'INVALID_OPTION' })
    expect((error as Error).message).toMatch(/line 2, column \d+|publisherKey/)
    // Nor would a stack have it, with all that caused it.
    expect(inspect(error, { depth: 10 })).not.toContain('secret')
  })

  test('read again, changes as a whole or not at all, and forgets what is not there any more', () => {
    write({ maxMatchers: 3 })
    const command = serveCommand()
    command.parseOptions(['--config', file])
    readConfiguration(command, { HEADWATER_MAX_TOPICS: '4' })
    expect(command.opts()).toMatchObject({ maxMatchers: 3, maxTopics: 4 })
    write({ maxMatchers: 9, maxTopics: 'x' })
    expect(() => readConfiguration(command, {})).toThrow('maxTopics')
    expect(command.opts()).toMatchObject({ maxMatchers: 3, maxTopics: 4 })
    write({})
    readConfiguration(command, {})
    expect(command.opts()).toMatchObject({ maxMatchers: 100, maxTopics: 1000 })
  })

  test('has a JSON schema in the package, which says the same', () => {
    const path = fileURLToPath(new URL('../../../headwater.config.schema.json', import.meta.url))
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(configurationSchema(serveCommand()))
  })
})

describe('headwater serve', () => {
  test('prints its configuration as a file that gives the same one, without secrets', async () => {
    write({
      listen: '127.0.0.1:0',
      maxAge: '1d',
      publisherKey: ['file:key.pem', '-secret-of-the-publisher-'],
      subscriberKey: ['https://login.example/jwks.json', 'HTTPS://ann:secret@login.example/jwks.json'],
      dev: true,
    })
    const first = headwater('serve', '--config', file, '--print-config', '--max-topics', '5')
    expect(await first.ended()).toBe(0)
    expect(first.stdout).not.toContain('secret')
    expect(JSON.parse(first.stdout)).toMatchObject({
      listen: '127.0.0.1:0',
      maxAge: '1d',
      maxTopics: 5,
      publisherKey: ['file:key.pem', '(not shown)'],
      subscriberKey: ['https://login.example/jwks.json', '(not shown)'],
      dev: true,
      corsOrigins: [],
    })
    writeFileSync(file, first.stdout)
    const second = headwater('serve', '--config', file, '--print-config')
    expect(await second.ended()).toBe(0)
    expect(second.stdout).toBe(first.stdout)
  })

  test('refuses a configuration with all that is wrong, and exits 2', async () => {
    write({ listen: 'x', nonsense: 1 })
    const hub = headwater('serve', '--config', file)
    expect(await hub.ended()).toBe(2)
    expect(hub.stderr.match(/headwater\.config\.json: /g)).toHaveLength(2)
    const missing = headwater('serve', '--config', `${file}.not`)
    expect(await missing.ended()).toBe(2)
    expect(missing.stderr).toContain('cannot be read')
  })

  test('takes its limits from the file again at SIGHUP, and keeps them when that is bad', async () => {
    write({ maxMatchers: 1 })
    const hub = await startHub('--config', file)
    const statusOfTwo = async () => {
      const controller = new AbortController()
      const { status } = await fetch(`${hub.url}/.well-known/mercure?match=a&match=b`, { signal: controller.signal })
      controller.abort()
      return status
    }
    expect(await statusOfTwo()).toBe(400)
    write({ maxMatchers: 'x' })
    hub.child.kill('SIGHUP')
    await hub.said(/reload failed, nothing changed: .*maxMatchers/, 'stderr')
    expect(await statusOfTwo()).toBe(400)
    write({ maxMatchers: 2 })
    hub.child.kill('SIGHUP')
    await hub.said(/reloaded limits, keys and the log level/, 'stderr')
    expect(await statusOfTwo()).toBe(200)
  })
})
