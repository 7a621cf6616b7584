import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { createSession } from '@headwater/sse/server'
import { describe, expect, test } from 'vitest'
import { createSession as createSessionFromSource } from '../../sse/src/server/index.ts'
import { workerFlags } from '../src/base/worker-flags.ts'
import { fromSource } from './from-source.ts'

/** Tests that ran what was built before would stay green whatever is done to the sources. */
describe('@headwater/sse is its sources', () => {
  const source = fileURLToPath(new URL('../../sse/src/server/index.ts', import.meta.url))
  const resolve = `require('node:module').createRequire(${JSON.stringify(import.meta.url)}).resolve('@headwater/sse/server')`

  test('in a test', () => {
    expect(createSession).toBe(createSessionFromSource)
  })

  test('in a process that a test starts', () => {
    const flags = [fromSource, '--print', resolve]
    expect(execFileSync(process.execPath, flags, { encoding: 'utf8' })).toBe(`${source}\n`)
  })

  test('in a worker thread of the hub', async () => {
    const code = `require('node:worker_threads').parentPort.postMessage(${resolve})`
    const worker = new Worker(code, { eval: true, execArgv: workerFlags() })
    expect(await once(worker, 'message')).toEqual([source])
  })
})
