import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** A page of the documentation. */
export interface Page {
  /** Relative to the root. */
  readonly path: string
  readonly text: string
  readonly blocks: readonly Block[]
}

/**
 * A fenced block. One that is to be checked has a comment above it, which a reader does not see: `<!-- check -->` for types, with
 * declarations of what the text leaves open if need be; `<!-- run -->` for programs and commands, with commands that go before, and
 * `<!-- then -->` for those that go on where the last ones left off; `<!-- from: PATH -->` for what that file contains. A block `text` right below is what they print, with `…` for anything.
 */
export interface Block {
  readonly language: string
  readonly code: string
  readonly line: number
  readonly marker: 'check' | 'run' | 'then' | 'from' | undefined
  readonly declarations: string
  readonly prints: string | undefined
}

/** All pages of the repository. */
export function readPages(): Page[] {
  const exclude = (name: string) =>
    name === 'node_modules' || name === 'site' || name === 'dist' || name.startsWith('.')
  const paths = globSync('**/*.md', { cwd: root, exclude }).sort()
  return paths.map((path) => {
    const text = readFileSync(join(root, path), 'utf8')
    return { path, text, blocks: blocksOf(text) }
  })
}

const blockPattern =
  /(?:^<!-- (?<marker>check|run|then|from)(?::(?<declarations>[\s\S]*?))? -->\n)?^```(?<language>\w+)\n(?<code>[\s\S]*?)^```$(?:\n\n^```text\n(?<prints>[\s\S]*?)^```$)?/gm

function blocksOf(text: string): Block[] {
  return Array.from(text.matchAll(blockPattern), ({ groups = {}, index }) => ({
    language: groups.language ?? '',
    code: groups.code ?? '',
    line: text.slice(0, index).split('\n').length,
    marker: groups.marker as Block['marker'],
    declarations: (groups.declarations ?? '').trim(),
    prints: groups.prints,
  }))
}

/** What a page can be linked to at: its headings, named as GitHub names them. */
export function anchorsOf({ text }: Page): string[] {
  const seen = new Map<string, number>()
  return Array.from(withoutBlocks(text).matchAll(/^#{1,6} +(?<heading>.*)$/gm), ({ groups }) => {
    const name = (groups?.heading ?? '')
      .toLowerCase()
      .replace(/\[(?<text>[^\]]*)\]\([^)]*\)/g, '$<text>')
      .replace(/[^\p{L}\p{N}_ -]/gu, '')
      .replaceAll(' ', '-')
    const count = seen.get(name) ?? 0
    seen.set(name, count + 1)
    return count === 0 ? name : `${name}-${count}`
  })
}

export function linksOf({ text }: Page): string[] {
  return Array.from(withoutBlocks(text).matchAll(/\]\((?<target>[^)\s]+)\)/g), ({ groups }) => groups?.target ?? '')
}

function withoutBlocks(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ''))
}
