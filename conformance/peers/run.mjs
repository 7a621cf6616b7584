// Runs the suite of one library against ours; returns what each test said.
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const here = import.meta.dirname
const root = join(here, '../..')

/** [{ file, name, error }], with the message of a test that failed. */
export function runSuite(peer, checkout) {
  const adapter = join(here, 'adapters', peer.adapter ?? `${peer.name}.mjs`)
  const env = { ...process.env, PEER_CHECKOUT: checkout, PEER_ADAPTER: adapter, NODE_NO_WARNINGS: '1' }
  return { eventsource, 'node-test': nodeTest, vitest }[peer.suite](peer, checkout, env)
}

const hooks = ['--import', pathToFileURL(join(here, 'hooks.mjs')).href, '--experimental-transform-types']

function eventsource(_peer, _checkout, env) {
  const output = node([...hooks, join(here, 'suites/eventsource.mjs')], env)
  return resultsOf(output, 'test/tests.ts')
}

function nodeTest({ folder, left }, checkout, env) {
  const leftOut = left.flatMap(({ files }) => files.split(', '))
  const files = readdirSync(join(checkout, folder)).filter((file) => file.endsWith('.js') && !leftOut.includes(file))
  const reporter = pathToFileURL(join(here, 'suites/node-test-reporter.mjs')).href
  return files.flatMap((file) => {
    const flags = ['--test-force-exit', '--test-timeout=5000', `--test-reporter=${reporter}`]
    return resultsOf(node([...hooks, ...flags, join(checkout, folder, file)], env), file)
  })
}

function vitest({ files, replaced }, checkout, env) {
  const report = join(root, '.cache/peers/report.json')
  rmSync(report, { force: true })
  const flags = ['run', '--config', join(here, 'suites/vitest.config.mjs'), '--reporter=json', `--outputFile=${report}`]
  node([join(root, 'node_modules/vitest/vitest.mjs'), ...flags], {
    ...env,
    PEER_FILES: JSON.stringify(files),
    PEER_REPLACED: JSON.stringify(replaced),
  })
  return JSON.parse(readFileSync(report, 'utf8')).testResults.flatMap(({ name: path, message, assertionResults }) => {
    const file = path.slice(checkout.length + 1)
    if (assertionResults.length === 0) return [{ file, name: '(the file)', error: message || 'has no tests' }]
    return assertionResults
      .filter(({ status }) => status !== 'pending' && status !== 'skipped')
      .map(({ fullName, failureMessages }) => ({ file, name: fullName, error: failureMessages[0]?.split('\n')[0] }))
  })
}

function node(args, env) {
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    env,
    encoding: 'utf8',
    maxBuffer: 1e8,
    timeout: 90_000,
    killSignal: 'SIGKILL',
  })
  if (process.env.PEER_DEBUG) console.error(stdout, stderr)
  return stdout
}

function resultsOf(output, file) {
  const lines = output.split('\n').filter((line) => line.startsWith('RESULT '))
  if (lines.length === 0) return [{ file, name: '(the file)', error: 'did not run' }]
  return lines.map((line) => ({ file, ...JSON.parse(line.slice('RESULT '.length)) }))
}
