import { cpSync, existsSync, globSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, extname, join, posix } from 'node:path'
import { root } from '../scripts/setup.mjs'
import { pageOf, seeds } from './pages.mjs'

/**
 * Writes the pages for VitePress: those of docs/ and what they link to. A link to a file of the repository leads to a page that
 * shows the file, so that the site stands alone. Gives the number of pages.
 */
export function stagePages(stage) {
  const written = new Set()
  const open = [...seeds, ...globSync('docs/**/*.md', { cwd: root }), 'docs/decisions'].map(toPosix)
  cpSync(join(root, 'site/home'), stage, { recursive: true })
  while (open.length > 0) {
    const path = open.pop()
    if (written.has(path)) continue
    written.add(path)
    const { page, text } = pageFor(path, (linked) => open.push(linked), stage)
    const target = join(stage, page)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, text)
  }
  return written.size
}

function pageFor(path, link, stage) {
  const full = join(root, path)
  if (statSync(full).isDirectory()) return { page: `${addressOf(path).slice(1)}index.md`, text: listing(path, link) }
  if (!path.endsWith('.md')) return { page: `${addressOf(path).slice(1)}.md`, text: showing(path, full) }
  const text = readFileSync(full, 'utf8').replace(/^<!-- (?:check|run|then|from)\b[\s\S]*?-->\n/gm, '')
  const front = /^(?:CHANGELOG|README)\.md$/.test(path) || path.startsWith('docs/decisions/') ? unsearched : ''
  return { page: pageOf(path), text: front + withLinks(text, path, link, stage) }
}

/** Links outside code, in the addresses of the site. */
function withLinks(text, path, link, stage) {
  const parts = text.split(/(^```[\s\S]*?^```$|`[^`\n]+`)/m)
  // Code may stand within the text of a link, so what is replaced is the end of a link: "](…)".
  return parts
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replace(/\]\((?<target>[^)\s]+)\)/g, (whole, target) => {
            if (/^(?:[a-z]+:|#|\/)/.test(target)) return whole
            const [file, anchor] = target.split('#')
            const linked = posix.normalize(posix.join(posix.dirname(path), file)).replace(/\/$/, '')
            if (/\.(?:png|svg|gif|jpg)$/.test(linked)) {
              mkdirSync(join(stage, 'public/images'), { recursive: true })
              cpSync(join(root, linked), join(stage, 'public/images', posix.basename(linked)))
              return `](/images/${posix.basename(linked)})`
            }
            const there = existsSync(join(root, linked, 'README.md')) ? `${linked}/README.md` : linked
            link(there)
            return `](${addressOf(there)}${anchor === undefined ? '' : `#${anchor}`})`
          }),
    )
    .join('')
}

/** A page that shows a file. */
function showing(path, full) {
  const text = readFileSync(full, 'utf8')
  const fence = '`'.repeat(Math.max(3, ...Array.from(text.matchAll(/`{3,}/g), ([ticks]) => ticks.length + 1)))
  const language = { '.yml': 'yaml', '.conf': 'nginx', '.cfg': 'text', '.service': 'ini', '': 'text' }
  const name = extname(path)
  const known = /^\.(?:ts|tsx|mts|mjs|js|json|jsonc|yaml|css|html|vue|svelte|astro|py|go|rs|java|php|sh|xml|toml|sql)$/
  const coded = known.test(name) ? name.slice(1) : (language[name] ?? 'text')
  return `${unsearched}# ${posix.basename(path)}\n\n\`${path}\` of the repository.\n\n${fence}${coded}\n${text.trimEnd()}\n${fence}\n`
}

/** A page that lists a folder. */
function listing(path, link) {
  const names = readdirSync(join(root, path)).filter(
    (name) => !/^(?:node_modules|dist|package-lock\.json|\..*)$/.test(name),
  )
  const lines = names.sort().map((name) => {
    const entry = `${path}/${name}`
    const title = name.endsWith('.md') && /^# (.*)$/m.exec(readFileSync(join(root, entry), 'utf8'))?.[1]
    if (/\.(?:png|svg|gif|jpg|pem|tgz)$/.test(name)) return `- ${name}`
    link(entry)
    return `- [${title || `\`${name}\``}](${addressOf(entry)})`
  })
  const heading = path === 'docs/decisions' ? 'Decisions' : path
  return `${unsearched}# ${heading}\n\n${lines.join('\n')}\n`
}

function addressOf(path) {
  if (path.endsWith('.md')) return `/${pageOf(path).replace(/\.md$/, '')}`
  if (path === 'docs/decisions') return '/decisions/'
  const address = `/source/${path}`.replaceAll('[', '(').replaceAll(']', ')').replaceAll('(', '_').replaceAll(')', '_')
  return statSync(join(root, path)).isDirectory() ? `${address}/` : address.replaceAll('.', '-')
}

const unsearched = '---\nsearch: false\n---\n\n'

function toPosix(path) {
  return path.replaceAll('\\', '/')
}
