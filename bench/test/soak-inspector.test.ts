import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freePort } from '../hub/peers/peer.ts'
import { Inspector } from '../soak/inspector.ts'

/** Keeps more than 5 MB. */
const program = `
globalThis.kept = Array.from({ length: 300_000 }, (_, index) => ({ text: 'kept ' + index }))
setTimeout(() => {}, 120_000)
`

test('the inspector tells what is in use once garbage is collected, and what it is, without code in the program', {
  timeout: 120_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), 'headwater-soak-test-'))
  const child = spawn(process.execPath, ['--inspect=127.0.0.1:0', '-e', program], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  try {
    let said = ''
    while (!/ws:\S+\n/.test(said)) said += String((await once(child.stderr!, 'data'))[0])
    const inspector = await Inspector.open(/ws:\S+/.exec(said)![0])
    await inspector.collectGarbage()
    const { heapUsed, rss } = await inspector.memory()
    expect(heapUsed).toBeGreaterThan(5e6)
    expect(rss).toBeGreaterThan(heapUsed)

    const file = join(directory, 'one.heapsnapshot')
    await inspector.writeHeapSnapshot(file)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toHaveProperty('snapshot.node_count')

    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    await expect(inspector.memory()).rejects.toThrow('The inspector is gone: the hub has ended.')
  } finally {
    child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
})

test('that nothing answers is told with the address', async () => {
  const url = `ws://127.0.0.1:${await freePort()}/none`
  await expect(Inspector.open(url)).rejects.toThrow(`Nothing answers at ${url}, where Node's inspector should be.`)
})
