import { Command } from 'commander'
import { HubError } from '../base/errors.ts'
import { directoryOf } from '../store/open.ts'
import { isPostgresUrl, withoutPassword } from '../store/postgres/address.ts'
import { examineDataDirectory } from '../store/sqlite/examine.ts'
import { usesHubConfiguration } from './options/configuration.ts'
import { printFinding } from './print-finding.ts'

interface DoctorOptions {
  store: string
  json?: true
}

export function doctorCommand(): Command {
  const command = new Command('doctor')
    .summary("check a hub's data directory")
    .description(
      'Checks a data directory: whether a hub uses it, how much space is left, what it contains, and whether the database is intact. It changes nothing and can run while the hub does. Exits with 1 if anything is bad.',
    )
    .option('--store <url>', 'the --store of the hub', 'file:./headwater-data')
    .option('--json', 'print each finding as a line of JSON: {"verdict":…,"about":…,"text":…}')
    .addHelpText(
      'after',
      `
Examples:
  headwater doctor
  headwater doctor --store file:/var/lib/headwater --json | jq 'select(.verdict != "good")'`,
    )
    .action(examine)
  return usesHubConfiguration(command, ['store'])
}

function examine({ store, json }: DoctorOptions): void {
  const directory = directoryOf(store)
  if (directory === undefined) {
    const advice = isPostgresUrl(store) ? 'Use headwater store check.' : 'Write file:DIRECTORY.'
    throw new HubError('INVALID_OPTION', `--store ${withoutPassword(store)} does not name a directory. ${advice}`)
  }
  for (const finding of examineDataDirectory(directory)) printFinding(finding, json === true)
}
