import { Command, Option } from 'commander'
import { HubError } from '../base/errors.ts'
import { directoryOf } from '../store/open.ts'
import { isPostgresUrl, withoutPassword } from '../store/postgres/address.ts'
import { examineDataDirectory } from '../store/sqlite/examine.ts'
import { examineUrl } from './doctor/examine-url.ts'
import { proxyNames } from './doctor/proxies.ts'
import { serveProbe } from './doctor/serve-probe.ts'
import type { EndpointOptions } from './doctor/target.ts'
import { usesHubConfiguration } from './options/configuration.ts'
import { printFinding } from './print-finding.ts'

interface DoctorOptions extends EndpointOptions {
  store: string
  serve?: string | true
  json?: true
}

export function doctorCommand(): Command {
  const command = new Command('doctor')
    .summary("find out what is wrong with an event stream, or check a hub's data directory")
    .description(
      'With a URL: looks at that event stream through whatever is in between, as browsers do, and says in plain words what is wrong and which lines to change. The endpoint may be any, not just a hub.\nWith a directory, or nothing: checks a data directory, whether a hub uses it, how much space is left, what it contains, and whether the database is intact. It changes nothing and can run while the hub does.\nExits with 0 if all is well, 1 if anything is wrong, 2 if it could not look.',
    )
    .argument('[url-or-directory]', 'http or https URL of an event stream, or a data directory')
    .option('--store <url>', 'the --store of the hub, in place of a directory', 'file:./headwater-data')
    .option('--json', 'print each finding as a line of JSON')
    .optionsGroup('For a URL:')
    .option('-X, --request <method>', 'method; default: GET, or POST with -d')
    .addOption(
      new Option(
        '-H, --header <line>',
        "header, as 'Name: value', or @FILE with such lines; repeat it for more. It is never printed",
      )
        .argParser((line: string, before: string[]) => [...before, line])
        .default([], 'none'),
    )
    .option('-d, --data <body>', 'body of the request, or @FILE, or @- for standard input')
    .option('--origin <origin>', 'also check whether pages of this origin may read it (CORS)')
    .option('--credentials', 'such pages send cookies: new EventSource(url, { withCredentials: true })')
    .option('--direct <url>', 'the same endpoint without what is in between, to compare the two')
    .option('--publish-url <url>', 'publish a probe event to this hub, and time it')
    .option('--proxy <name>', `what is in between, if it does not name itself: ${proxyNames.join(', ')}`)
    .option('--timeout <seconds>', 'how long to watch and to wait; default: 10')
    .option('--deep [seconds]', 'find out how long the stream may be silent, up to this; default: 120')
    .option('--http <version>', '1.1 or 2; default: as browsers choose')
    .option('--insecure', 'look although the certificate is not valid')
    .option('--serve [address]', 'be the server behind a proxy that the doctor then looks at; default: 127.0.0.1:3000')
    .optionsGroup('Options:')
    .addHelpText(
      'after',
      `
Examples:
  headwater doctor https://example.com/events --origin https://app.example.com
  headwater doctor http://127.0.0.1:3000/v1/chat -H 'Authorization: Bearer …' -d '{"stream":true}'
  headwater doctor --json /var/lib/headwater | jq 'select(.verdict != "good")'

What does a proxy do to streams? Put the doctor in the place of the application, and look through the proxy:
  headwater doctor --serve 127.0.0.1:3000
  headwater doctor https://example.com/ --deep`,
    )
    .action((place: string | undefined, options: DoctorOptions) => examine(command, place, options))
  return usesHubConfiguration(command, ['store'])
}

async function examine(command: Command, place: string | undefined, options: DoctorOptions): Promise<void> {
  if (options.serve !== undefined) {
    if (place !== undefined)
      throw new HubError('INVALID_OPTION', '--serve takes no URL: run the doctor with it in a second terminal.')
    return serveProbe(options.serve === true ? '127.0.0.1:3000' : options.serve)
  }
  if (place !== undefined && isUrl(place)) return examineUrl(place, options, options.json === true)
  refuseEndpointOptions(command)
  examineDirectory(place === undefined ? options.store : toStoreUrl(place), options.json === true)
}

/** `file:` and Windows' drives are no URLs of endpoints. Whatever else has a scheme is, right or wrong. */
function isUrl(place: string): boolean {
  return /^(https?:|[a-z][a-z\d+.-]+:\/\/)/i.test(place) && !/^(file|postgres|postgresql):/i.test(place)
}

function toStoreUrl(place: string): string {
  if (/^(file|memory|postgres|postgresql):/i.test(place)) return place
  const guess = `http://${place}`
  if (/^[\w.-]+(:\d+)(\/|$)/.test(place) && URL.canParse(guess)) {
    throw new HubError(
      'INVALID_OPTION',
      `${place.includes('@') || place.includes('?') ? 'That' : place} is neither a URL nor a directory. Write a URL with http:// or https://.`,
    )
  }
  return `file:${place}`
}

function refuseEndpointOptions(command: Command): void {
  const ofUrl = command.options.filter(({ long }) => !['--store', '--json', '--config'].includes(long ?? ''))
  const given = ofUrl.find((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
  if (given)
    throw new HubError('INVALID_OPTION', `${given.long} is about an event stream. Write its URL: headwater doctor URL.`)
}

function examineDirectory(store: string, isJson: boolean): void {
  const directory = directoryOf(store)
  if (directory === undefined) {
    const advice = isPostgresUrl(store) ? 'Use headwater store check.' : 'Write file:DIRECTORY.'
    throw new HubError('INVALID_OPTION', `--store ${withoutPassword(store)} does not name a directory. ${advice}`)
  }
  for (const finding of examineDataDirectory(directory)) printFinding(finding, isJson)
}
