import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fixedOptions } from '../../packages/hub/src/cli/serve/reloading.ts'
import { serveCommand } from '../../packages/hub/src/cli/serve/serve.ts'
import { root } from './markdown.ts'

const read = (name: string) => readFileSync(join(root, 'docs', name), 'utf8')

describe('docs/reserved-events.md', () => {
  test('has each event type of ours that the sources name', () => {
    const sources = globSync('packages/{sse,hub}/src/**/*.ts', { cwd: root }).map((path) =>
      readFileSync(join(root, path), 'utf8'),
    )
    const types = new Set(
      sources.flatMap((source) =>
        Array.from(source.matchAll(/EVENT_TYPE = '(headwater-[a-z-]+)'/g), ([, type = '']) => type),
      ),
    )
    expect(types.size).toBeGreaterThan(2)
    const page = read('reserved-events.md')
    expect([...types].filter((type) => !page.includes(`| \`${type}\` |`))).toEqual([])
  })

  test('has each reason for a gap', () => {
    const source = readFileSync(join(root, 'packages/sse/src/protocol/signals.ts'), 'utf8')
    const reasons = /type GapReason = (?<reasons>.*)/.exec(source)?.groups?.reasons?.match(/\w+(?=')/g) ?? []
    expect(reasons.length).toBeGreaterThan(4)
    for (const page of [read('reserved-events.md'), read('delivery.md')]) {
      expect(reasons.filter((reason) => !page.includes(`\`${reason}\``))).toEqual([])
    }
  })
})

describe('docs/sighup.md', () => {
  const flagsOf = (text: string) => new Set(text.match(/(?<=`)--[a-z-]+/g))
  const [, applied = '', restart = ''] =
    /\| applied at once([\s\S]*)\| needs a restart([\s\S]*)/.exec(read('sighup.md')) ?? []

  test('has the options that need a restart', () => {
    const flags = fixedOptions.map((name) => `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`)
    expect([...flagsOf(restart)].sort()).toEqual([...flags].sort())
  })

  test('has all others as applied at once', () => {
    const known = serveCommand().options.map(({ long }) => long!)
    const aboutTheFile = ['--config', '--print-config']
    const files = ['--tls-cert', '--tls-key']
    const expected = known.filter((flag) => !flagsOf(restart).has(flag) && !aboutTheFile.includes(flag))
    expect([...flagsOf(applied)].filter((flag) => !files.includes(flag)).sort()).toEqual(expected.sort())
  })
})
