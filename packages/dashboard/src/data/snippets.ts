import { hubUrl, readToken } from './hub.ts'
import { matchOf } from './selection.ts'

const shell = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`
const script = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n')}'`

function subscribeUrl(topic: string, lastEventId: string): string {
  const url = new URL(hubUrl)
  const [name, value] = matchOf(topic)
  url.searchParams.set(name, value)
  if (lastEventId !== '') url.searchParams.set('last_event_id', lastEventId)
  return url.href
}

const bearer = () => (readToken() === '' ? '' : ` -H "Authorization: Bearer $TOKEN"`)

/** The shell command that receives what one sees. */
export function subscribeWithCurl(topic: string, lastEventId = ''): string {
  return `curl -N${bearer()} ${shell(subscribeUrl(topic, lastEventId))}`
}

/** The JavaScript of a page that receives what one sees. */
export function subscribeWithScript(topic: string, types: readonly string[], lastEventId = ''): string {
  const listeners = types
    .filter((type) => type !== 'message')
    .map((type) => `source.addEventListener(${script(type)}, show)`)
  return [
    `const source = new EventSource(${script(subscribeUrl(topic, lastEventId))})`,
    'const show = ({ type, data, lastEventId }) => console.log(lastEventId, type, data)',
    `source.addEventListener('message', show)`,
    ...listeners,
  ].join('\n')
}

/** The shell command that publishes what the form would. */
export function publishWithCurl(fields: readonly (readonly [string, string])[]): string {
  const parts = fields.map(([name, value]) => `--data-urlencode ${shell(`${name}=${value}`)}`)
  return ['curl', ...(readToken() === '' ? [] : [bearer().trim()]), ...parts, shell(hubUrl.href)].join(' \\\n  ')
}

/** The JavaScript that publishes what the form would. */
export function publishWithScript(fields: readonly (readonly [string, string])[]): string {
  const lines = fields.map(([name, value]) => `    ${name}: ${script(value)},`)
  const headers = readToken() === '' ? [] : [`  headers: { authorization: \`Bearer \${token}\` },`]
  return [
    `await fetch(${script(hubUrl.href)}, {`,
    `  method: 'POST',`,
    ...headers,
    '  body: new URLSearchParams({',
    ...lines,
    '  }),',
    '})',
  ].join('\n')
}
