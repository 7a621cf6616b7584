import { existsSync, readFileSync } from 'node:fs'
import { type Command, CommanderError, Option } from 'commander'
import { HubError } from '../../base/errors.ts'
import { isPostgresUrl, withoutPassword } from '../../store/postgres/address.ts'
import { findJsonError } from './json-error.ts'
import { withoutComments } from './jsonc.ts'
import { DurationOption, parseListenAddress } from './option-types.ts'

/** One of them is read from the current directory, if it exists and `--config` names no other file. */
export const configurationFiles = ['headwater.config.json', 'headwater.config.jsonc'] as const
const defaultFile = configurationFiles[0]

/**
 * Lets a command read its options from flags, environment variables and a file, in this order of
 * precedence. All three have the same options and parsers: `--max-age 30d`,
 * `HEADWATER_MAX_AGE=30d`, `"maxAge": "30d"`. Reports all errors of the environment and the file at
 * once, by key.
 */
export function configurable(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--config <file>',
        `JSON file with the same options in camelCase, with comments if its name ends in .jsonc (default: ${defaultFile} or ${configurationFiles[1]}, if there is one)`,
      ),
    )
    .addOption(new Option('--print-config', 'print the configuration as such a file, without secrets, and exit'))
    .addHelpText(
      'after',
      `
You can also set each option as an environment variable (--max-age as HEADWATER_MAX_AGE) or in the file (as "maxAge"). Flags override the
environment, and the environment overrides the file. In the file, lists are arrays, and flags without a value are true or false.`,
    )
    .hook('preAction', () => {
      readConfiguration(command, process.env)
      if (!command.opts().printConfig) return
      console.log(JSON.stringify(toJson(command), null, 2))
      process.exit(0)
    })
}

/**
 * Lets another command use what the hub of this directory is configured with: options that a flag
 * does not set come from the hub's file. `keys` are those that mean the same to both.
 */
export function usesHubConfiguration(command: Command, keys: readonly string[]): Command {
  return command
    .addOption(
      new Option(
        '--config <file>',
        `configuration file of the hub, for options not given here (default: ${defaultFile} or ${configurationFiles[1]}, if there is one)`,
      ),
    )
    .hook('preAction', () => {
      const file = fileOf(command, process.env)
      if (file === undefined) return
      const values = toSharedOptions(readFile(file))
      for (const option of command.options) {
        const key = option.attributeName()
        const source = command.getOptionValueSource(key)
        if (!keys.includes(key) || values[key] === undefined || source === 'cli' || source === 'env') continue
        command.setOptionValueWithSource(key, fromJson(option, values[key]), 'config')
      }
    })
}

/** The hub's options as those that use or address it have them: one of each, and its URL. */
function toSharedOptions({ listen, tlsCert, ...values }: Record<string, unknown>): Record<string, unknown> {
  const shared: Record<string, unknown> = Object.fromEntries(
    Object.entries(values).map(([key, value]) => [key, Array.isArray(value) ? value[0] : value]),
  )
  // The name in a certificate is not known here.
  if (typeof listen !== 'string' || tlsCert !== undefined) return shared
  const { host, port } = parseListenAddress(listen)
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host
  if (port !== 0) shared.hub = `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`
  return shared
}

function fileOf(command: Command, environment: NodeJS.ProcessEnv): string | undefined {
  const named = command.opts().config ?? environment.HEADWATER_CONFIG
  if (named !== undefined) return named
  const found = configurationFiles.filter((name) => existsSync(name))
  if (found.length <= 1) return found[0]
  throw new HubError('INVALID_OPTION', `There are both ${found.join(' and ')}. Remove one, or name it with --config.`)
}

/**
 * Reads the environment and the file into the options of a command, except those set by flags. If
 * anything is wrong, throws one `INVALID_OPTION` that names every error.
 */
export function readConfiguration(command: Command, environment: NodeJS.ProcessEnv): void {
  const options = configurableOptions(command).filter(
    (option) => command.getOptionValueSource(option.attributeName()) !== 'cli',
  )
  // A reload may find fewer keys than before.
  const found = new Map(options.map((option) => [option, { value: option.defaultValue as unknown, source: 'default' }]))
  const problems: string[] = []
  const note = (
    option: Option | undefined,
    source: 'env' | 'config',
    name: string,
    read: (option: Option) => unknown,
  ) => {
    if (!option) return
    try {
      found.set(option, { value: read(option), source })
    } catch (error) {
      if (!(error instanceof HubError || error instanceof CommanderError)) throw error
      problems.push(`${name}: ${error.message}`)
    }
  }

  const file = fileOf(command, environment)
  const known = configurableOptions(command)
  for (const [key, value] of Object.entries(file === undefined ? {} : readFile(file))) {
    if (key === '$schema') continue
    const isKey = (option: Option) => option.attributeName() === key
    if (!known.some(isKey))
      problems.push(`${file}: there is no option ${JSON.stringify(key)}${suggestion(key, known)}.`)
    note(options.find(isKey), 'config', `${file}: ${key}`, (option) => fromJson(option, value))
  }
  for (const option of options) {
    const name = variableOf(option)
    const text = environment[name]
    if (text !== undefined && text !== '') note(option, 'env', name, () => fromText(option, text))
  }
  // All or nothing: half a configuration could open what was meant to be closed.
  if (problems.length > 0) throw new HubError('INVALID_OPTION', problems.join('\n  '))
  for (const [option, { value, source }] of found) {
    command.setOptionValueWithSource(option.attributeName(), value, source)
  }
}

/** The JSON schema of the configuration file. */
export function configurationSchema(command: Command): object {
  const properties = configurableOptions(command).map((option) => [
    option.attributeName(),
    { description: option.description, ...typeOf(option), ...defaultOf(option) },
  ])
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: `headwater ${command.name()}`,
    type: 'object',
    properties: { $schema: { type: 'string' }, ...Object.fromEntries(properties) },
    additionalProperties: false,
  }
}

/** The options of a command that the file may contain. */
export function configurableOptions(command: Command): readonly Option[] {
  return command.options.filter((option) => !['help', 'config', 'printConfig'].includes(option.attributeName()))
}

function variableOf(option: Option): string {
  return `HEADWATER_${option.attributeName().replace(/[A-Z]/g, '_$&').toUpperCase()}`
}

function readFile(path: string): Record<string, unknown> {
  const text = readText(path)
  const value = parseJson(path.endsWith('.jsonc') ? withoutComments(text) : text, path)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new HubError(
    'INVALID_OPTION',
    `${path} is not a configuration. Write an object, such as {"listen": "127.0.0.1:3000"}.`,
  )
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new HubError('INVALID_OPTION', `${path} cannot be read: ${(cause as Error).message}`, { cause })
  }
}

/** Leaves out the cause: its message quotes the text around the error, which may be a key. */
function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    const { line, column } = findJsonError(text)
    throw new HubError(
      'INVALID_OPTION',
      `${path} cannot be read: invalid JSON at line ${line}, column ${column}. Look there for a missing quote or comma, or one too many.`,
    )
  }
}

function fromText(option: Option, text: string): unknown {
  if (!takesValue(option)) {
    if (/^(true|1|yes|on)$/i.test(text)) return true
    if (/^(false|0|no|off)$/i.test(text)) return undefined
    throw new HubError('INVALID_OPTION', `${JSON.stringify(text)} is neither true nor false.`)
  }
  return option.parseArg ? option.parseArg(text, option.defaultValue) : text
}

function fromJson(option: Option, value: unknown): unknown {
  if (!takesValue(option)) {
    if (typeof value === 'boolean') return value || undefined
    throw new HubError('INVALID_OPTION', `${JSON.stringify(value)} is neither true nor false.`)
  }
  const isText = (each: unknown) => typeof each === 'string' || typeof each === 'number'
  if (isText(value)) return fromText(option, String(value))
  if (isList(option) && Array.isArray(value) && value.every(isText)) {
    return value.reduce((before: unknown, each) => option.parseArg!(String(each), before as never), option.defaultValue)
  }
  const expected = isList(option) ? 'a string or an array of strings' : 'a string or a number'
  // Someone may have written a key as an object instead of a string.
  const shown = isSecret(option) ? 'the value (not shown)' : JSON.stringify(value)
  throw new HubError('INVALID_OPTION', `${shown} is not ${expected}.`)
}

/** Whether the option's value may be a key or a token. */
function isSecret(option: Option): boolean {
  const key = option.attributeName()
  return key === 'upstreamToken' || (/Key$/.test(key) && key !== 'tlsKey')
}

/** Whether this is the location of a key without a password, not the key itself. */
function mayShow(key: string): boolean {
  if (key.startsWith('file:')) return true
  const url = /^https?:/i.test(key) && URL.canParse(key) ? new URL(key) : undefined
  return url !== undefined && url.username === '' && url.password === ''
}

function takesValue(option: Option): boolean {
  return option.required || option.optional
}

function isList(option: Option): boolean {
  return Array.isArray(option.defaultValue)
}

function suggestion(key: string, options: readonly Option[]): string {
  const plain = (name: string) => name.replace(/[^a-z]/gi, '').toLowerCase()
  const close = options.find((option) => plain(option.attributeName()) === plain(key))
  if (close) return `; there is ${JSON.stringify(close.attributeName())}`
  return `. The options are: ${options.map((option) => option.attributeName()).join(', ')}`
}

function typeOf(option: Option): object {
  if (!takesValue(option)) return { type: 'boolean' }
  if (option.argChoices) return { enum: option.argChoices }
  if (isList(option)) return { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] }
  return typeof option.defaultValue === 'number' ? { type: ['integer', 'string'] } : { type: ['string', 'integer'] }
}

function defaultOf(option: Option): object {
  if (isList(option)) return { default: [] }
  const value = jsonDefaultOf(option)
  return value === undefined ? {} : { default: value }
}

/** The default of an option as the file would contain it; `undefined` for a list, and for none. */
export function jsonDefaultOf(option: Option): unknown {
  if (!takesValue(option)) return false
  if (isList(option)) return undefined
  if (option instanceof DurationOption && typeof option.defaultValue === 'number') {
    return DurationOption.textOf(option.defaultValue)
  }
  return typeof option.defaultValue === 'object' ? option.defaultValueDescription : option.defaultValue
}

/** The options as the configuration file would contain them. */
function toJson(command: Command): object {
  const entries = configurableOptions(command).map((option): [string, unknown] => {
    const key = option.attributeName()
    const value: unknown = command.getOptionValue(key)
    if (isSecret(option)) return [key, withoutSecrets(value)]
    if (option instanceof DurationOption && typeof value === 'number') return [key, DurationOption.textOf(value)]
    if (typeof value === 'string' && isPostgresUrl(value)) return [key, withoutPassword(value)]
    return [key, takesValue(option) ? asText(value) : value === true]
  })
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined))
}

function withoutSecrets(value: unknown): unknown {
  if (value === undefined) return undefined
  const shown = [value].flat().map((each) => (mayShow(String(each)) ? each : '(not shown)'))
  return Array.isArray(value) ? shown : shown[0]
}

function asText(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const { host, port } = value as { host: string; port: number }
  return `${host.includes(':') ? `[${host}]` : host}:${port}`
}
