import { readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const languages = ['JavaScript', 'Python', 'Go', 'Rust', 'Java', 'PHP'] as const
export type Language = (typeof languages)[number]

/** A client library, and the program that reads with it. */
export interface Reader {
  readonly id: string
  readonly language: Language
  /** As the table has it. */
  readonly name: string
  /** Takes a URL and, if there is one, a saved ID; prints what the library hands its user. */
  readonly command: readonly string[]
  /** Why it fares worse on the hub than on a plain server. */
  readonly knownFault?: string
}

export const folder = fileURLToPath(new URL('..', import.meta.url))
/** Where the run puts what it installs and compiles. */
export const workplace = fileURLToPath(new URL('../../../.cache/readers', import.meta.url))

const javaScript = (module: string, version: string, manner = ''): Reader => ({
  id: `javascript-${module}`,
  language: 'JavaScript',
  name: `${version} ${versionIn('package.json', `"${version}": "(.*)"`)}${manner}`,
  command: [process.execPath, join(folder, 'javascript/read.mjs'), module],
})

const python = (module: string, name: string, manner = '', environment = 'python'): Reader => ({
  id: `python-${module}`,
  language: 'Python',
  name: `${name} ${versionIn(requirementsOf(environment), `^${name}==(.*)$`)}${manner}`,
  command: [join(workplace, environment, 'bin/python'), join(folder, `python/${module}.py`)],
})

/** What is installed in each environment of Python. Two packages have modules of the same name, so one is apart. */
export const pythonEnvironments = ['python', 'python-sseclient'] as const

export function requirementsOf(environment: string): string {
  return `python/requirements${environment.slice('python'.length)}.txt`
}

const go = (argument: string, name: string, manner = ''): Reader => ({
  id: `go-${argument}`,
  language: 'Go',
  name: `${name} ${versionIn('go/go.mod', `github.com/${name}(?:/v\\d)? v([^-\\s]*)`)}${manner}`,
  command: [join(workplace, 'go/readers'), argument],
})

const rust = (name: string, manner = ''): Reader => ({
  id: `rust-${name}`,
  language: 'Rust',
  name: `${name} ${versionIn('rust/Cargo.toml', `^${name} = "=(.*)"$`)}${manner}`,
  command: [join(workplace, 'rust/debug/readers'), name],
})

const java = (argument: string, artifact: string, name: string, manner = ''): Reader => ({
  id: `java-${argument}`,
  language: 'Java',
  name: `${name} ${versionIn('java/pom.xml', `<artifactId>${artifact}</artifactId>\\s*<version>(.*)</version>`)}${manner}`,
  command: ['java', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', ...classPath(), 'Readers', argument],
})

const loop = ', in a loop'

/** The readers of a language. What it needs must be installed. */
export function readersOf(language: Language): Reader[] {
  return all[language]()
}

const all: Record<Language, () => Reader[]> = {
  JavaScript: () => [
    javaScript('eventsource', 'eventsource'),
    javaScript('undici', 'undici'),
    javaScript('launchdarkly-eventsource', 'launchdarkly-eventsource'),
    javaScript('eventsource-client', 'eventsource-client'),
    javaScript('eventsource-parser', 'eventsource-parser', loop),
    javaScript('fetch-event-source', '@microsoft/fetch-event-source'),
    javaScript('fetch-event-source-retrying', '@microsoft/fetch-event-source', ', `onclose` throws'),
  ],
  Python: () => [
    python('httpx_sse_reader', 'httpx-sse', ", its README's loop"),
    python('requests_sse_reader', 'requests-sse', loop),
    python('sseclient_py_reader', 'sseclient-py', loop),
    {
      ...python('sseclient_readme_reader', 'sseclient', loop, 'python-sseclient'),
      knownFault: 'asks for gzip and does not decode it, and the plain server does not compress',
    },
    python('sseclient_reader', 'sseclient', ', `Accept-Encoding: identity`, in a loop', 'python-sseclient'),
    {
      ...python('aiohttp_sse_client_once_reader', 'aiohttp-sse-client'),
      knownFault: 'ends at a response that breaks off, which an ordered stop of a plain server does not do',
    },
    python('aiohttp_sse_client_reader', 'aiohttp-sse-client', loop),
    python('launchdarkly_reader', 'launchdarkly-eventsource', ', `always_continue`'),
  ],
  Go: () => [
    go('go-sse', 'tmaxmax/go-sse'),
    go('launchdarkly', 'launchdarkly/eventsource'),
    go('donovanhide', 'donovanhide/eventsource'),
    go('r3labs', 'r3labs/sse'),
    go('r3labs-loop', 'r3labs/sse', loop),
  ],
  Rust: () => [
    rust('reqwest-eventsource'),
    rust('eventsource-client'),
    rust('eventsource-stream', loop),
    {
      ...rust('sse-client'),
      knownFault:
        'takes the framing of a chunked response for lines, so that our opening lines, a chunk, are a message',
    },
  ],
  Java: () => [
    java('okhttp-eventsource', 'okhttp-eventsource', 'LaunchDarkly okhttp-eventsource'),
    java('okhttp-sse', 'okhttp-sse', 'okhttp-sse', loop),
    java('webflux', 'spring-webflux', 'Spring WebFlux WebClient', ', repeated and retried'),
    java('jersey', 'jersey-media-sse', 'Jersey SseEventSource'),
  ],
  PHP: () => [
    {
      id: 'php-symfony',
      language: 'PHP',
      name: 'Symfony EventSourceHttpClient',
      command: ['php', join(folder, 'php/reader.php')],
    },
  ],
}

function versionIn(file: string, pattern: string): string {
  const version = new RegExp(pattern, 'm').exec(readFileSync(join(folder, file), 'utf8'))?.[1]
  if (!version) throw new Error(`There is no ${pattern} in ${file}`)
  return version
}

function classPath(): string[] {
  const dependencies = readFileSync(join(workplace, 'java/classpath.txt'), 'utf8').trim()
  return ['-cp', [join(workplace, 'java/target/classes'), dependencies].join(delimiter)]
}
