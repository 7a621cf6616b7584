import type { Option } from 'commander'
import { configurableOptions, jsonDefaultOf } from '../options/configuration.ts'
import { serveCommand } from '../serve/serve.ts'

/** What is set; everything else is there as a comment. */
export type Settings = Readonly<Record<string, unknown>>

/** What an option without a default could be, so that its comment is a line that works. */
const examples: Readonly<Record<string, unknown>> = {
  threads: 2,
  publicUrls: ['https://hub.example.com'],
  corsOrigins: ['https://example.com'],
  trustedProxies: ['127.0.0.1'],
  tlsCert: 'cert.pem',
  tlsKey: 'key.pem',
  maxAge: '30d',
  maxEvents: 1_000_000,
  maxBytes: '10GiB',
  upstream: 'https://hub.example.com',
  upstreamToken: '',
  upstreamTokenFile: 'edge.token',
  publisherKey: ['file:publisher.secret'],
  subscriberKey: ['file:subscriber.secret'],
  keyAlg: ['HS256'],
  publisherKeyAlg: ['HS256'],
  subscriberKeyAlg: ['HS256'],
  issuer: 'https://example.com',
  audience: ['https://hub.example.com/.well-known/mercure'],
  publishOrigins: ['https://example.com'],
  cookie: '__Secure-mercure_access_token',
}

/** Options that belong on the command line, or that one should not write down. */
const leftOut: ReadonlySet<string> = new Set(['dev', 'upstreamToken'])

/**
 * The text of a configuration: every option of `headwater serve` with what it means, by its groups. Those
 * that are not set are comments, with their default or an example.
 */
export function configurationText(settings: Settings, schema: string): string {
  const groups = new Map<string, Option[]>()
  for (const option of configurableOptions(serveCommand())) {
    if (leftOut.has(option.attributeName())) continue
    const group = option.helpGroupHeading ?? 'Other:'
    groups.set(group, [...(groups.get(group) ?? []), option])
  }
  const parts = Array.from(groups, ([group, options]) => {
    const lines = options.map((option) => linesOf(option, settings))
    return `  // ---- ${group.replace(/:$/, '')}\n\n${lines.join('\n')}`
  })
  return `// The configuration of a Headwater hub: headwater serve reads it in this
// directory. Comments and a comma after the last item are fine here. To use an
// option, remove the // before its line. Each is also a flag and an environment
// variable: "maxAge" is --max-age and HEADWATER_MAX_AGE.
{
  "$schema": ${JSON.stringify(schema)},

${parts.join('\n')}}
`
}

function linesOf(option: Option, settings: Settings): string {
  const key = option.attributeName()
  const isSet = Object.hasOwn(settings, key)
  const value = isSet ? settings[key] : (jsonDefaultOf(option) ?? examples[key])
  const comment = wrapped(sentence(option.description), 74).map((line) => `  // ${line}`)
  return `${comment.join('\n')}\n  ${isSet ? '' : '// '}${JSON.stringify(key)}: ${valueText(value)},\n`
}

function valueText(value: unknown): string {
  return Array.isArray(value) ? `[${value.map((each) => JSON.stringify(each)).join(', ')}]` : JSON.stringify(value)
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}${/[.:)]$/.test(text) ? '' : '.'}`
}

function wrapped(text: string, columns: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const last = lines.at(-1)!
    if (last !== '' && last.length + 1 + word.length > columns) lines.push(word)
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`
  }
  return lines
}
