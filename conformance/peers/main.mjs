// node main.mjs FOLDER [--markdown] [names]: runs the suites in FOLDER, and judges each test that does not pass.
import { join } from 'node:path'
import { differences } from './differences.mjs'
import { peers } from './peers.mjs'
import { runSuite } from './run.mjs'

const [folder, ...args] = process.argv.slice(2)
const names = args.filter((arg) => !arg.startsWith('--'))
let unexplained = 0

for (const peer of peers.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const results = runSuite(peer, join(folder, peer.name, peer.suite === 'vitest' ? (peer.folder ?? '') : ''))
  const failed = results.filter(({ error }) => error !== undefined)
  const judged = failed.map((result) => ({
    ...result,
    difference: differences.find((each) => each.peer === peer.name && each.tests.includes(result.name)),
  }))
  const count = (kind) => judged.filter(({ difference }) => (difference?.kind ?? 'open') === kind).length
  console.log(
    `${peer.name} ${peer.tag ?? peer.commit.slice(0, 7)}: ${results.length} tests, ${results.length - failed.length} passed, ` +
      `${count('choice')} differ by choice, ${count('internal')} are about its insides, ${count('open')} open`,
  )
  for (const difference of differences.filter((each) => each.peer === peer.name)) {
    const tests = judged.filter((each) => each.difference === difference)
    if (tests.length > 0) console.log(`  ${difference.kind} (${tests.length}): ${difference.why}`)
    for (const { name } of tests) console.log(`    - ${name}`)
  }
  for (const { file, name, error, difference } of judged) {
    if (difference) continue
    unexplained += 1
    console.log(`  unexplained: ${file} > ${name}\n    ${error.split('\n').slice(0, 6).join('\n    ')}`)
  }
  const expected = differences.filter((each) => each.peer === peer.name).flatMap(({ tests }) => tests)
  for (const name of expected.filter((each) => !failed.some((result) => result.name === each)))
    console.log(`  passes now, and is still listed as a difference: ${name}`)
  for (const { files, why } of peer.left) console.log(`  not run: ${files} (${why})`)
}
process.exitCode = unexplained > 0 ? 1 : 0
