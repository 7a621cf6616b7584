import { Command } from 'commander'
import { exportCommand } from './history/export.ts'
import { importCommand } from './history/import.ts'
import { listCommand } from './history/list.ts'
import { showCommand } from './history/show.ts'
import { trimCommand } from './history/trim.ts'

export function historyCommand(): Command {
  return new Command('history')
    .summary('list, show, export, import and trim the events that a hub keeps')
    .description(
      "Works on the history of a hub that runs, by its URL, or on the directory of its --store, which may be in use while one reads. A hub's private events are shown to whom a token grants their topics; whoever may read the directory may read all.",
    )
    .addCommand(listCommand())
    .addCommand(showCommand())
    .addCommand(exportCommand())
    .addCommand(importCommand())
    .addCommand(trimCommand())
}
