import { Command } from 'commander'
import { HubError } from '../base/errors.ts'
import { isPostgresUrl } from '../store/postgres/address.ts'
import { examineEngine, initializeEngine } from '../store/postgres/administer.ts'
import { printFinding } from './print-finding.ts'

export function storeCommand(): Command {
  return new Command('store')
    .summary('make or examine the tables of a store in PostgreSQL')
    .description('Makes or examines the tables in which several hubs share their events. See docs/cluster.md.')
    .addCommand(initCommand())
    .addCommand(checkCommand())
}

function initCommand(): Command {
  return new Command('init')
    .summary('make the tables and functions of a history')
    .description(
      'Makes the tables and functions of a history in the database, unless they are there. The role in the URL owns them; it must be allowed to create a schema.',
    )
    .argument('<url>', 'the --store of the hubs: postgres://USER@HOST[,HOST…]/DATABASE[?schema=NAME]')
    .option('--grant <role>', 'the role with which the hubs connect, if it is another one')
    .addHelpText(
      'after',
      `
Examples:
  headwater store init postgres://postgres@db.example.com/app --grant headwater
  headwater serve --store postgres://headwater@db.example.com/app`,
    )
    .action(async (url: string, { grant }: { grant?: string }) => {
      const { isNew, text } = await initializeEngine(checked(url), grant)
      console.log(isNew ? `made the tables in ${text}.` : `the tables in ${text} are there.`)
      if (grant !== undefined) console.log(`${grant} may now do what a hub does.`)
    })
}

function checkCommand(): Command {
  return new Command('check')
    .summary('examine the server, the tables and the rights')
    .description(
      'Examines a database as a hub with this URL would use it: the server, what a commit survives, the tables, and which rights are missing. It changes nothing. Exits with 1 if anything is bad.',
    )
    .argument('<url>', 'the --store of the hubs')
    .option('--json', 'print each finding as a line of JSON: {"verdict":…,"about":…,"text":…}')
    .addHelpText(
      'after',
      `
Example:
  headwater store check postgres://headwater@db.example.com/app`,
    )
    .action(async (url: string, { json }: { json?: true }) => {
      for (const finding of await examineEngine(checked(url))) printFinding(finding, json === true)
    })
}

function checked(url: string): string {
  if (isPostgresUrl(url)) return url
  throw new HubError('INVALID_OPTION', `${url} is not the URL of a database. Write postgres://USER@HOST/DATABASE.`)
}
