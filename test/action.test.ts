import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createHub, createMemoryStore, everyTopic } from 'headwater'
import { describe, expect, onTestFinished, test } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))

/**
 * A runner of GitHub as far as a step sees it: the inputs by which action.yml makes the environment, and files
 * for outputs and the summary. `npx headwater@…` is the command that was built here, or a script.
 */
async function runStep(name: 'doctor' | 'publish', inputs: Record<string, string>, command?: string) {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-action-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const built = `exec '${process.execPath}' '${join(root, 'packages/hub/bin/headwater.js')}' "$@"`
  mkdirSync(join(directory, 'bin'))
  const npx = join(directory, 'bin/npx')
  writeFileSync(npx, `#!/bin/bash\necho "$@" >> '${directory}/calls'\nshift 2\n${command ?? built}\n`)
  chmodSync(npx, 0o755)
  const action = readFileSync(join(root, 'action', name, 'action.yml'), 'utf8')
  const given = Array.from(action.matchAll(/^ {8}(INPUT_\w+): \$\{\{ inputs\.(\w+) \}\}$/gm), ([, variable, input]) => {
    const preset = new RegExp(`^ {2}${input}:\n(?: {4}.*\n)*? {4}default: (.*)$`, 'm').exec(action)?.[1]
    return [variable!, inputs[input!] ?? preset?.replace(/^'(.*)'$/, '$1') ?? ''] as const
  })
  expect(given.map(([variable]) => variable.slice(6).toLowerCase())).toEqual(
    Array.from(/^inputs:\n((?: .*\n)+)/m.exec(action)![1]!.matchAll(/^ {2}(\w+):$/gm), ([, input]) => input),
  )
  const files = { GITHUB_OUTPUT: join(directory, 'output'), GITHUB_STEP_SUMMARY: join(directory, 'summary') }
  for (const file of Object.values(files)) writeFileSync(file, '')
  const script = /^ {6}run: '(.*)'$/m.exec(action)![1]!
  const child = spawn('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...Object.fromEntries(given),
      ...files,
      GITHUB_ACTION_PATH: join(root, 'action', name),
      PATH: [dirname(npx), dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter),
    },
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      log += text
    })
  const [code] = await once(child, 'close')
  const outputs = readFileSync(files.GITHUB_OUTPUT, 'utf8')
  return {
    code,
    log,
    outputs: Object.fromEntries(outputs.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2))),
    summary: readFileSync(files.GITHUB_STEP_SUMMARY, 'utf8'),
    calls: readFileSync(join(directory, 'calls'), { encoding: 'utf8', flag: 'a+' }),
  }
}

async function hubWithToken(token?: string) {
  const hub = await createHub({
    store: createMemoryStore(),
    authorize: ({ header }) =>
      token === undefined || header('authorization') === `Bearer ${token}` ? { publish: [everyTopic] } : undefined,
  })
  const server = await hub.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => server.close({ deadlineMs: 0 }))
  return { hub, url: server.url }
}

describe('the action that publishes', () => {
  test('publishes what its inputs say, whatever characters they have, and gives the ID', async () => {
    const { hub, url } = await hubWithToken('secret.of.mine')
    const events = hub.subscribe('a', { rights: [everyTopic] })
    const next = events.next()
    const data = '--data "$(touch /tmp/x)" `id`\n%0A ::error::\n$HOME'
    const step = await runStep('publish', {
      hub: url,
      token: 'secret.of.mine',
      topic: 'a\nhttps://example.com/b c\n',
      data,
      type: 'deployed',
      private: 'true',
    })
    expect(step.log).toContain('::add-mask::secret.of.mine\n')
    expect(step.code).toBe(0)
    const { value } = await next
    expect(value).toMatchObject({ data, type: 'deployed', topics: ['a', 'https://example.com/b c'] })
    expect(step.outputs.id).toBe(value!.id)
    expect((await hub.observed.trace(value!.id, [])).event?.private).toBe(true)
    expect(step.calls).toMatch(/^--yes headwater@latest publish /)
    expect(step.calls).not.toContain('secret')
    await events.return()
  })

  test('fails with the reason if the hub refuses it, and gives no ID', async () => {
    const { url } = await hubWithToken('secret')
    const step = await runStep('publish', { hub: url, topic: 'a', data: 'x', wait: '0', version: '0.1.0' })
    expect(step.code).toBe(1)
    expect(step.log).toContain('401')
    expect(step.outputs.id).toBeUndefined()
    expect(step.calls).toContain('headwater@0.1.0 ')
  })

  test('refuses an input that is neither true nor false', async () => {
    const step = await runStep('publish', { hub: 'http://127.0.0.1:1', topic: 'a', private: 'yes' })
    expect(step).toMatchObject({ code: 2, calls: '' })
    expect(step.log).toContain('::error::private is "yes"')
  })
})

describe('the action that examines', () => {
  const finding = (severity: string, id: string, seen: string) => JSON.stringify({ id, severity, seen })
  const says = (code: number, ...lines: string[]) => `cat <<'EOF'\n${lines.join('\n')}\nEOF\nexit ${code}`
  const bad = says(
    1,
    finding('ok', 'tls', 'valid'),
    finding('warning', 'cors', 'a | b\n<i>'),
    finding('fault', 'buffering', '100 % held back'),
  )

  test('passes if nothing is bad', async () => {
    const command = says(0, finding('ok', 'tls', 'valid'))
    const step = await runStep('doctor', { url: 'https://hub.example.com', token: 't' }, command)
    expect(step).toMatchObject({ code: 0, outputs: { severity: 'ok' } })
    expect(step.log).toContain('::add-mask::t\n')
    expect(step.calls).toMatch(/^--yes headwater@latest doctor https:\/\/hub.example.com --json --header @\S+\n$/)
    expect(step.calls).not.toContain('Bearer')
  })

  test('fails if something is, with annotations, a summary and what was found', async () => {
    const step = await runStep('doctor', { url: 'https://hub.example.com' }, bad)
    expect(step.code).toBe(1)
    expect(step.log).toBe('tls: valid\n::warning::cors: a | b%0A<i>\n::error::buffering: 100 %25 held back\n')
    expect(step.outputs.severity).toBe('fault')
    expect(JSON.parse(step.outputs.findings!)).toHaveLength(3)
    expect(step.summary).toContain('| warning | cors | a \\| b &lt;i> |\n')
  })

  test('sends the token to a real hub, and finds what is wrong with a URL', async () => {
    const { url } = await hubWithToken('secret.of.mine')
    const hub = `${url}/.well-known/mercure`
    const step = await runStep('doctor', { url: `${hub}?match=a`, token: 'secret.of.mine' })
    expect([step.code, step.outputs.severity], step.log).not.toContain('fault')
    expect(step.code).toBe(0)
    const refused = await runStep('doctor', { url: `${hub}?match=a` })
    expect(refused).toMatchObject({ code: 1, outputs: { severity: 'fault' } })
    expect(refused.log).toContain('::error::refused: Status 401')
  })

  test('does not fail if it is not to, except where nothing could be examined', async () => {
    const step = await runStep('doctor', { url: 'https://hub.example.com', fail: 'false' }, bad)
    expect(step).toMatchObject({ code: 0, outputs: { severity: 'fault' } })
    const broken = await runStep('doctor', { url: 'x', fail: 'false' }, 'echo wrong >&2; exit 2')
    expect(broken.code).toBe(2)
    expect(broken.log).toContain('could not examine x')
    expect((await runStep('doctor', { url: 'x', fail: 'maybe' }, bad)).code).toBe(2)
  })
})

test('the scripts of the actions are what bash takes for scripts, and may be run', () => {
  for (const path of ['action/doctor/doctor.sh', 'action/publish/publish.sh']) {
    execFileSync('bash', ['-n', join(root, path)])
    execFileSync('test', ['-x', join(root, path)])
  }
})
