import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../scripts/setup.mjs'
import { modules } from './modules.mjs'

/** Gives what TypeDoc wrote the names by which programs import it. */
export function nameReference(stage) {
  const folder = join(stage, 'reference')
  const pages = modules.map(({ key, page, name, about }) => {
    const text = readFileSync(join(folder, `${key}.md`), 'utf8')
      .replace(/^# .*\n/, `# \`${name}\`\n\n${about}\n`)
      .replaceAll(/\]\((?<target>[^)#\s]+\.md)(?<anchor>#[^)]*)?\)/g, (_, target, anchor = '') => {
        const linked = join(key, '..', target).replace(/\.md$/, '')
        return `](/reference/${modules.find((each) => each.key === linked).page}${anchor})`
      })
    return { page, text }
  })
  rmSync(folder, { recursive: true })
  mkdirSync(folder)
  const headings = new Map(pages.map(({ page, text }) => [page, headingsOf(text)]))
  for (const { page, text } of pages)
    writeFileSync(join(folder, `${page}.md`), withAnchorsThatAre(text, page, headings))
  writeFileSync(join(folder, 'command-line.md'), commandLine())
}

/** How often each heading stands in a page. */
function headingsOf(text) {
  const slugs = Array.from(text.matchAll(/^#+ (.*)$/gm), ([, heading]) =>
    heading.toLowerCase().replace(/[^\p{L}\p{N}_ -]/gu, ''),
  )
  return Map.groupBy(
    slugs.map((slug) => slug.trim().replaceAll(' ', '-')),
    (slug) => slug,
  )
}

/** TypeDoc counts headings that it does not write: `#name-1` of a page that has one `name`. */
function withAnchorsThatAre(text, page, headings) {
  return text.replaceAll(
    /\]\((\/reference\/)?([\w-]*)#([\w-]+?)-(\d+)\)/g,
    (whole, folder = '', target, slug, number) => {
      const there = headings.get(target || page)?.get(slug)
      return there && there.length <= Number(number) ? `](${folder}${target}#${slug})` : whole
    },
  )
}

/** What each command says of itself. */
function commandLine() {
  const help = (...command) => {
    const main = join(root, 'packages/hub/dist/cli/main.js')
    return execFileSync(process.execPath, [main, ...command, '--help'], {
      encoding: 'utf8',
      env: { ...process.env, COLUMNS: '100' },
    })
  }
  const whole = help()
  const [, listed = ''] = whole.split('Commands:\n')
  const names = Array.from(listed.split('\n\n')[0].matchAll(/^ {2}([a-z]+)/gm), ([, name]) => name)
  const sections = names
    .filter((name) => name !== 'help')
    .map((name) => `## headwater ${name}\n\n\`\`\`text\n${help(name).trimEnd()}\n\`\`\``)
  const about = 'What `headwater` and each of its commands say with `--help`.'
  return `# The command line\n\n${about}\n\n\`\`\`text\n${whole.trimEnd()}\n\`\`\`\n\n${sections.join('\n\n')}\n`
}
