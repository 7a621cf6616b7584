import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'

/** The links of a built site that lead nowhere: to no page, no file, or no heading of a page. */
export function checkLinks(built, base) {
  const pages = new Map(globSync('**/*.html', { cwd: built }).map((path) => [path.replaceAll('\\', '/'), undefined]))
  const textOf = (page) => {
    if (pages.get(page) === undefined) pages.set(page, readFileSync(join(built, page), 'utf8'))
    return pages.get(page)
  }
  const dead = []
  for (const page of pages.keys()) {
    if (page.startsWith('learn/')) continue
    for (const [, , target] of textOf(page).matchAll(/\b(href|src)="([^"]+)"/g)) {
      if (/^(?:[a-z][a-z+.-]*:|\/\/)/i.test(target)) continue
      const [path, anchor] = decodeURIComponent(target.replaceAll('&amp;', '&')).split('#')
      const full =
        path === '' ? page : path.startsWith(base) ? path.slice(base.length) : posix.join(posix.dirname(page), path)
      const file = fileOf(built, full.split('?')[0])
      if (!file || (anchor && file.endsWith('.html') && !hasAnchor(textOf(file), anchor))) dead.push({ page, target })
    }
  }
  return dead
}

function fileOf(built, path) {
  const candidates = path === '' || path.endsWith('/') ? [`${path}index.html`] : [path, `${path}.html`]
  return candidates.find((each) => existsSync(join(built, each)) && statSync(join(built, each)).isFile())
}

function hasAnchor(html, anchor) {
  return html.includes(`id="${anchor.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}"`)
}
