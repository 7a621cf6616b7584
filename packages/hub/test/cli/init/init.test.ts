import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { freePort } from '../../../../../conformance/runners/free-port.ts'
import { configurableOptions, readConfiguration } from '../../../src/cli/options/configuration.ts'
import { withoutComments } from '../../../src/cli/options/jsonc.ts'
import { serveCommand } from '../../../src/cli/serve/serve.ts'
import { headwaterCommand } from '../../from-source.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { headwater, Running } from '../running.ts'

async function init(...parameters: string[]) {
  const command = headwater('init', ...parameters)
  return { exitCode: await command.ended(), stdout: command.stdout, stderr: command.stderr }
}

describe('headwater init', () => {
  test('writes a configuration with which a hub starts, and every line that it prints works', async () => {
    const directory = join(temporaryDirectory(), 'my-hub')
    const port = await freePort()
    const { exitCode, stdout } = await init(directory, '--listen', `127.0.0.1:${port}`)
    expect(exitCode).toBe(0)
    const hub = new Running(['serve'], directory)
    await hub.said(/^headwater listening on /)
    const headwaterText = [process.execPath, ...headwaterCommand].map((part) => `'${part}'`).join(' ')
    const lines = stdout.split('\n').slice(3).join('\n').replace('headwater serve\n', '\n')
    const script = `set -e\nheadwater() { ${headwaterText} "$@"; }\n${lines.trimEnd()} -n 1 --data -q`
    const printed = execFileSync('bash', ['-c', script.replaceAll(/^ +/gm, '')], { encoding: 'utf8', timeout: 60_000 })
    expect(printed.trimEnd().split('\n').at(-1)).toBe('hello')
    const anonymous = await fetch(`http://127.0.0.1:${port}/.well-known/mercure`, {
      method: 'POST',
      body: new URLSearchParams({ topic: 'log' }),
    })
    expect(anonymous.status).toBe(401)
  })

  test('--private lets nobody subscribe without a token, and says how to', async () => {
    const directory = temporaryDirectory()
    const { stdout } = await init(directory, '--private', '--public-url', 'https://hub.example.com')
    expect(stdout).toContain('--subscribe')
    const configured = readConfigured(join(directory, 'headwater.config.jsonc'))
    expect(configured).toMatchObject({
      publicUrls: ['https://hub.example.com'],
      audience: ['https://hub.example.com/.well-known/mercure'],
      issuer: 'https://hub.example.com',
    })
    expect(configured.anonymous).toBeUndefined()
  })

  test('makes files and secrets that only their owner can read, new ones each time', async () => {
    const [one, two] = [temporaryDirectory(), temporaryDirectory()]
    await Promise.all([init(one), init(two)])
    const names = ['publisher.secret', 'subscriber.secret']
    const secrets = [one, two].flatMap((directory) =>
      names.map((name) => readFileSync(join(directory, name), 'utf8').trim()),
    )
    expect(new Set(secrets).size).toBe(4)
    for (const secret of secrets) expect(Buffer.from(secret, 'base64')).toHaveLength(48)
    const text = readFileSync(join(one, 'headwater.config.jsonc'), 'utf8')
    for (const secret of secrets) expect(text).not.toContain(secret)
    if (process.platform === 'win32') return
    for (const name of [...names, 'headwater.config.jsonc']) expect(statSync(join(one, name)).mode & 0o777).toBe(0o600)
  })

  test('overwrites nothing unless told, and a secret never', async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'headwater.config.jsonc')
    await init(directory)
    const secret = readFileSync(join(directory, 'publisher.secret'), 'utf8')
    writeFileSync(path, '{ /* mine */ }')
    const again = await init(directory)
    expect([again.exitCode, again.stderr]).toEqual([2, expect.stringContaining('There is a configuration')])
    expect(readFileSync(path, 'utf8')).toBe('{ /* mine */ }')
    const forced = await init(directory, '--force')
    expect([forced.exitCode, forced.stdout]).toEqual([0, expect.not.stringContaining('publisher.secret,')])
    expect(readFileSync(path, 'utf8')).toContain('"listen"')
    expect(readFileSync(join(directory, 'publisher.secret'), 'utf8')).toBe(secret)
  })

  test('refuses to write beside another configuration, or where it cannot', async () => {
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'headwater.config.json'), '{}')
    expect((await init(directory, '--force')).stderr).toContain('Move it away')
    expect(existsSync(join(directory, 'headwater.config.jsonc'))).toBe(false)
    const file = join(directory, 'headwater.config.json')
    const inFile = await init(join(file, 'x'))
    expect([inFile.exitCode, inFile.stderr.trim().split('\n').length]).toEqual([1, 1])
  })

  test('explains every option, with a line that can be used as it is', async () => {
    const directory = temporaryDirectory()
    await init(directory)
    const path = join(directory, 'headwater.config.jsonc')
    const lines = readFileSync(path, 'utf8').split('\n')
    const keys = lines.flatMap((line) => /^ {2}(?:\/\/ )?"(\w+)": /.exec(line)?.[1] ?? [])
    const known = configurableOptions(serveCommand()).map((option) => option.attributeName())
    expect([...keys, 'dev', 'upstreamToken'].sort()).toEqual([...known].sort())
    for (const [index, line] of lines.entries()) {
      if (!/^ {2}\/\/ "/.test(line)) continue
      writeFileSync(path, lines.with(index, line.replace('// ', '')).join('\n'))
      const [, key = ''] = /"(\w+)"/.exec(line)!
      expect([key, readConfigured(path)]).toMatchObject([key, {}])
    }
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(90)
  })
})

function readConfigured(path: string): Record<string, unknown> {
  const command = serveCommand().exitOverride()
  command.parseOptions(['--config', path])
  readConfiguration(command, {})
  return command.opts()
}

describe('a configuration with comments', () => {
  test.each([
    ['{ "a": 1, // one\n "b": 2, }', { a: 1, b: 2 }],
    ['/* { */ { "a": "// no /* comment", "b": [1, 2, ], } // }', { a: '// no /* comment', b: [1, 2] }],
    ['{ "a": "\\"//\\",}", /* \n\n */ "b": ",]" }', { a: '"//",}', b: ',]' }],
    ['{ "a": "," }', { a: ',' }],
  ])('is JSON without them: %s', (text, value) => {
    expect(JSON.parse(withoutComments(text))).toEqual(value)
  })

  test('has each thing in its place, so that errors name it', async () => {
    const text = '{ // a comment\n  /* and\n another */ "listen": nonsense }'
    expect(withoutComments(text)).toHaveLength(text.length)
    const path = join(temporaryDirectory(), 'headwater.config.jsonc')
    writeFileSync(path, text)
    expect(() => readConfigured(path)).toThrow('invalid JSON at line 3, column 23')
    writeFileSync(path.replace('.jsonc', '.json'), '{ /* no */ }')
    expect(() => readConfigured(path.replace('.jsonc', '.json'))).toThrow('invalid JSON at line 1, column 3')
  })

  test('takes time that grows with the text, not with its square', () => {
    for (const part of ['/*', '"', '//', ',  ', '"\\'])
      expect(withoutComments(part.repeat(100_000))).toHaveLength(part.length * 100_000)
  })
})
