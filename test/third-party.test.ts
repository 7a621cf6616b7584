import { globSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test, vi } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'packages/hub/dist')

// The scripts are JavaScript, as they run before anything is installed.
const { writeThirdParty } = (await import(new URL('../scripts/third-party.mjs', import.meta.url).href)) as {
  writeThirdParty(dist: string): number
}

test('THIRD-PARTY.md of the hub has the licence of each package that is in its pages, and of no other', () => {
  const text = readFileSync(join(dist, 'THIRD-PARTY.md'), 'utf8')
  const folders = bundledFolders()
  expect(folders.length).toBeGreaterThanOrEqual(2)
  const expected = folders.map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each))!
    const lines = readFileSync(join(folder, file), 'utf8').split('\n')
    for (const line of lines) expect(text).toContain(line.trim())
    return `## ${name} ${version} (${license})`
  })
  expect(text.match(/^## .*$/gm)).toEqual(expected.sort())
})

test('the build fails if a package is bundled that says nothing of its licence', () => {
  const folder = mkdtempSync(join(tmpdir(), 'headwater-third-party-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const say = vi.spyOn(console, 'error').mockReturnValue()
  onTestFinished(() => say.mockRestore())
  const write = (page: string, list: object[]) => {
    mkdirSync(join(folder, page), { recursive: true })
    writeFileSync(join(folder, page, 'licenses.json'), JSON.stringify(list))
  }
  write('dashboard', [{ name: 'silent', version: '1.0.0' }])
  write('learn-page', [])
  expect(writeThirdParty(folder)).toBe(1)
  expect(say).toHaveBeenCalledWith(expect.stringContaining('silent 1.0.0'))
})

/** The packages in the pages: of scripts by their source maps, of styles by what imports them. */
function bundledFolders(): string[] {
  const scripts = globSync('{dashboard,learn-page}/*.js.map', { cwd: dist }).flatMap((map) => {
    const { sources } = JSON.parse(readFileSync(join(dist, map), 'utf8')) as { sources: string[] }
    return sources.map((source) => join(dist, dirname(map), source))
  })
  const styles = globSync('packages/{dashboard,learn}/src/**/*.{ts,tsx,css}', { cwd: root }).flatMap((file) => {
    const imports = readFileSync(join(root, file), 'utf8').matchAll(/import\s+(?:url\()?['"]([^'"./][^'"]*\.css)['"]/g)
    return Array.from(imports, ([, name]) => join(root, 'node_modules', name!))
  })
  const folders = [...scripts, ...styles].flatMap(
    (path) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path)?.[0] ?? [],
  )
  return [...new Set(folders)]
}
