// THIRD-PARTY.md of the hub's package: the licences of what is bundled into its pages, by what the bundler put there.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const pages = ['dashboard', 'learn-page']

/**
 * Writes the file into `dist`, from the lists that the bundler left beside each page. Gives an exit code: 1 if a licence is
 * missing, which would be published without its text.
 */
export function writeThirdParty(dist) {
  const packages = new Map()
  for (const page of pages) {
    const list = join(dist, page, 'licenses.json')
    for (const { name, version, identifier, text } of JSON.parse(readFileSync(list, 'utf8'))) {
      const one = packages.get(`${name} ${version}`) ?? { name, version, identifier, text, pages: [] }
      packages.set(`${name} ${version}`, { ...one, pages: [...one.pages, page] })
    }
    rmSync(list)
  }
  const all = [...packages.values()].sort((one, other) => one.name.localeCompare(other.name))
  const without = all.filter(({ identifier, text }) => !identifier || !text)
  for (const { name, version } of without) {
    console.error(`headwater: ${name} ${version} is bundled, and says nothing of its licence: leave it out, or ask`)
  }
  if (without.length > 0) return 1
  writeFileSync(join(dist, 'THIRD-PARTY.md'), [heading, ...all.map(section)].join('\n'))
  return 0
}

const heading = `# Third-party licences

The pages in this folder contain code of other projects, which keep their licences.
`

function section({ name, version, identifier, text, pages }) {
  const where = pages.map((page) => `\`${page}/\``).join(' and ')
  return `## ${name} ${version} (${identifier})\n\nIn ${where}.\n\n${text.replace(/^/gm, '    ').replace(/ +$/gm, '')}\n`
}
