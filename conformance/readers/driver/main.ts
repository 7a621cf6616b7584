// node main.ts [LANGUAGE…]: reads the hub, and a plain server beside it, with the client libraries of several languages through what happens
// to servers. Prints a table for docs/readers.md. Exit code 1 when a library loses on the hub what it does not lose on the other.
import { join } from 'node:path'
import { languages, readersOf, workplace } from './readers.ts'
import { Run } from './run.ts'
import { scenarios } from './scenarios.ts'
import { faultsOf, type Results, tableOf, worseThanControl } from './table.ts'
import { prepare } from './toolchains.ts'

const asked = process.argv.slice(2).map((name) => name.toLowerCase())
const chosen = languages.filter((language) => asked.length === 0 || asked.includes(language.toLowerCase()))

const notRun: string[] = []
const readers = chosen.flatMap((language) => {
  console.error(`readers: preparing ${language}`)
  const reason = prepare(language)
  if (reason === undefined) return readersOf(language)
  notRun.push(`${language} (${reason})`)
  return []
})

const results: Results[] = []
for (const scenario of scenarios) {
  const play = (server: 'hub' | 'control') => {
    console.error(`readers: ${scenario.name}, on ${scenario[server].name}`)
    const logs = join(workplace, 'logs', scenario.name.replaceAll(/\W+/g, '-'), server)
    return Run.play(scenario.play, scenario[server], readers, logs)
  }
  results.push({ scenario, hub: await play('hub'), control: await play('control') })
}

for (const fault of faultsOf(readers, results)) console.error(`readers: ${fault}`)
console.log(tableOf(readers, results))
if (notRun.length > 0) console.log(`\nNot run: ${notRun.join(', ')}.`)
const worse = worseThanControl(readers, results)
for (const { name, knownFault } of worse) {
  console.log(
    `headwater: ${name} fares worse on the hub than on a plain server${knownFault ? `: it ${knownFault}` : ''}`,
  )
}
const failed = worse.filter(({ knownFault }) => knownFault === undefined)
console.log(`headwater: ${readers.length - failed.length} passed, ${failed.length} failed`)
process.exitCode = failed.length > 0 ? 1 : 0
