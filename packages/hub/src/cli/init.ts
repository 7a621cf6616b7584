import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { HubError } from '../base/errors.ts'
import { hubPath } from '../base/hub-path.ts'
import { configurationText } from './init/configuration-text.ts'
import { configurationFiles } from './options/configuration.ts'
import { parseUrl } from './options/hub-option.ts'
import { type ListenAddress, parseListenAddress } from './options/option-types.ts'

interface InitOptions {
  readonly listen: ListenAddress
  readonly publicUrl?: URL
  readonly private?: true
  readonly force?: true
}

/** The file that is made. */
const [, fileName] = configurationFiles
const secrets = { publisherKey: 'publisher.secret', subscriberKey: 'subscriber.secret' } as const

export function initCommand(): Command {
  return new Command('init')
    .summary('write a configuration with all options explained, and secrets')
    .description(
      `Writes ${fileName}, in which each option of headwater serve is explained, and two secrets that sign tokens: one for those who publish, one for those who subscribe. The files are readable for their owner only. Secrets that are there stay.`,
    )
    .argument('[directory]', 'where; made if it does not exist', '.')
    .addOption(
      new Option('--listen <host:port>', 'address on which the hub is to listen')
        .argParser(parseListenAddress)
        .default({ host: '127.0.0.1', port: 3000 }, '127.0.0.1:3000'),
    )
    .addOption(
      new Option('--public-url <url>', 'URL by which clients know the hub; default: its address').argParser((text) =>
        parseUrl(text, '--public-url', 'a hub knows its clients by tokens'),
      ),
    )
    .option('--private', 'let nobody subscribe without a token, not even to public events')
    .option('--force', 'replace a configuration that is there')
    .addHelpText(
      'after',
      `
Examples:
  headwater init
  headwater init my-hub --listen 127.0.0.1:3001 --public-url https://hub.example.com`,
    )
    .action(init)
}

function init(directory: string, { listen, publicUrl, private: isPrivate, force }: InitOptions): void {
  const path = join(directory, fileName)
  const found = configurationFiles.map((name) => join(directory, name)).find((each) => existsSync(each))
  if (found !== undefined && !force) {
    throw new HubError('INVALID_OPTION', `There is a configuration: ${found}. --force replaces ${path}.`)
  }
  if (found !== undefined && found !== path) {
    throw new HubError(
      'INVALID_OPTION',
      `There is ${found}, which headwater serve would not expect beside ${path}. Move it away.`,
    )
  }
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host
  const address = `${host}:${listen.port}`
  const url = publicUrl ?? new URL(`http://${address}`)
  attempt(directory, () => mkdirSync(directory, { recursive: true, mode: 0o700 }))
  const made = Object.values(secrets).filter((name) => writeSecret(join(directory, name)))
  const text = configurationText(
    {
      listen: address,
      ...(publicUrl && { publicUrls: [publicUrl.origin] }),
      store: 'file:./headwater-data',
      publisherKey: [`file:${secrets.publisherKey}`],
      subscriberKey: [`file:${secrets.subscriberKey}`],
      keyAlg: ['HS256'],
      issuer: url.origin,
      audience: [url.pathname === '/' ? `${url.origin}${hubPath}` : url.href],
      anonymous: !isPrivate,
    },
    './node_modules/headwater/headwater.config.schema.json',
  )
  attempt(path, () => writeFileSync(path, text, { mode: 0o600 }))
  const files = [path, ...made.map((name) => join(directory, name))]
  console.log(`Wrote ${files.join(', ')}. Keep the secrets out of version control.

Now:
${directory === '.' ? '' : `  cd ${directory}\n`}  headwater serve
  TOKEN=$(headwater token --key file:${secrets.publisherKey} --publish '*')
  headwater publish -t log --token "$TOKEN" 'hello'
  ${isPrivate ? `headwater tail -t log --since earliest --token "$(headwater token --key file:${secrets.subscriberKey} --subscribe '*')"` : 'headwater tail -t log --since earliest'}`)
}

/** Returns whether there was none. */
function writeSecret(path: string): boolean {
  if (existsSync(path)) return false
  attempt(path, () => writeFileSync(path, `${randomBytes(48).toString('base64')}\n`, { mode: 0o600, flag: 'wx' }))
  return true
}

function attempt(path: string, write: () => void): void {
  try {
    write()
  } catch (cause) {
    throw new HubError('STORE_FAILED', `${path} cannot be written: ${(cause as Error).message}`, { cause })
  }
}
