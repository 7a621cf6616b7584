import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { root } from './markdown.ts'

interface Item {
  readonly text: string
  readonly link: string
}

const load = (name: string) => import(pathToFileURL(join(root, 'site', name)).href)

// Without the generator, which `npm run docs` installs: the pages that it is given, and what checks the result.
describe('the site of docs/', () => {
  let stage: string
  let sections: readonly { readonly text: string; readonly items: readonly Item[] }[]
  beforeAll(async () => {
    stage = mkdtempSync(join(tmpdir(), 'headwater-site-'))
    const { stagePages } = (await load('stage.mjs')) as { stagePages(stage: string): number }
    expect(stagePages(stage)).toBeGreaterThan(100)
    const { sidebar, koreanSidebar } = await load('pages.mjs')
    sections = [...sidebar, ...koreanSidebar]
  })
  afterAll(() => rmSync(stage, { recursive: true, force: true }))

  const isThere = (address: string) => {
    const path = address.replace(/#.*/, '').replace(/\/$/, '/index')
    if (path.startsWith('/reference/') || path === '/learn/index') return true // made by TypeDoc, and by packages/learn
    return existsSync(join(stage, `${path}.md`)) || existsSync(join(stage, 'public', path))
  }

  test('has each page of the sidebar', () => {
    const links = sections.flatMap(({ items }) => items.map(({ link }) => link))
    expect(links.length).toBeGreaterThan(50)
    expect(links.filter((link) => !isThere(link))).toEqual([])
  })

  test('has each page of docs/ in the sidebar', () => {
    const links = new Set(sections.flatMap(({ items }) => items.map(({ link }) => link)))
    const pages = globSync('{*,concepts/*,frameworks/*,ko/*}.md', { cwd: join(root, 'docs') })
    expect(pages.filter((page) => !links.has(`/${page.replace(/\.md$/, '')}`))).toEqual([])
  })

  test('leads from each page to pages that there are, and shows the files that pages name', () => {
    const dead = globSync('**/*.md', { cwd: stage }).flatMap((page) => {
      const text = readFileSync(join(stage, page), 'utf8').replace(/^(`{3,})[\s\S]*?^\1$/gm, '')
      const targets = Array.from(text.matchAll(/\]\((?<target>\/[^)\s]*)\)/g), ({ groups }) => groups!.target!)
      return targets.filter((target) => !isThere(target)).map((target) => `${page}: ${target}`)
    })
    expect(dead).toEqual([])
    expect(readFileSync(join(stage, 'source/deploy/proxies/nginx-conf.md'), 'utf8')).toContain(
      '```nginx\n# Headwater behind nginx',
    )
  })

  test('is checked for links that lead nowhere: to no page, to no heading, to no file', async () => {
    const built = mkdtempSync(join(tmpdir(), 'headwater-built-'))
    onTestFinished(() => rmSync(built, { recursive: true, force: true }))
    const pages = {
      'index.html': '<a href="/docs/a.html#here">1</a> <a href="./b/">2</a> <a href="https://example.com/x">3</a>',
      'a.html': '<h2 id="here">a</h2> <a href="#gone">4</a> <a href="/docs/none.html">5</a> <img src="/docs/none.png">',
      'b/index.html': '<a href="../a#here">6</a> <a href="../a.html#gone%20too">7</a>',
    }
    for (const [path, html] of Object.entries(pages)) {
      mkdirSync(dirname(join(built, path)), { recursive: true })
      writeFileSync(join(built, path), html)
    }
    const { checkLinks } = await load('check-links.mjs')
    const dead = (checkLinks(built, '/docs/') as { target: string }[]).map(({ target }) => target)
    expect(dead.sort()).toEqual(['#gone', '../a.html#gone%20too', '/docs/none.html', '/docs/none.png'])
  })
})
