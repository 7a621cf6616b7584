import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { freePort } from '../../conformance/runners/free-port.ts'
import { anchorsOf, type Block, linksOf, type Page, readPages, root } from './markdown.ts'
import { runModule, runShell } from './session.ts'

const headwater = join(root, 'packages/hub/dist/cli/main.js')
const pages = readPages()
const workplace = join(root, '.cache/docs')

describe.each(pages)('$path', (page) => {
  test('links to what is there', () => {
    const relative = linksOf(page).filter((target) => !/^[a-z]+:/.test(target))
    expect(relative.filter((target) => !leadsSomewhere(page, target))).toEqual([])
  })

  test.for(sessionsOf(page))('has commands that do what it says in line $line', async ({ blocks }, context) => {
    const missingTool = toolsOf(blocks).find((tool) => !hasTool(tool))
    if (missingTool) context.skip(`${missingTool} is not installed`)
    const missing = missingOf(blocks)
    const { output, exitCode } = await runShell(
      blocks.map((block) => ({
        script: `${block.declarations}\n${shellOf(block)}`,
        isEnough: (text) => missingOf([block])(text).length === 0,
      })),
    )
    expect({ missing: missing(output), exitCode, output }).toMatchObject({ missing: [], exitCode: 0 })
  })

  const programs = page.blocks.filter(({ marker, language }) => marker === 'run' && language === 'ts')
  test.each(programs)('has a program that works in line $line', async (block) => {
    const code = block.code.replaceAll(/\b(3000|8080)\b/g, String(await freePort()))
    const path = join(workplace, `${slug(page, block)}-run.ts`)
    mkdirSync(workplace, { recursive: true })
    writeFileSync(path, code)
    const missing = missingOf([block])
    const { output, exitCode } = await runModule(path, (text) => missing(text).length === 0)
    rmSync(path)
    expect({ missing: missing(output), exitCode, output }).toMatchObject({ missing: [], exitCode: 0 })
  })

  const quotes = page.blocks.filter(({ marker }) => marker === 'from')
  test.each(quotes)('quotes $declarations as it is in line $line', ({ declarations, code }) => {
    expect(readFileSync(join(root, declarations), 'utf8')).toContain(code)
  })

  test('names flags that there are', () => {
    const joined = page.text.replaceAll(/\\\n\s*/g, '')
    const commands =
      joined.match(
        /\bheadwater (serve|publish|tail|token|vitals|top|history|bench|init|try|doctor|store|completion)\b[^`|\n)]*/g,
      ) ?? []
    const cells = joined.match(/^\| `--[^`]*`/gm) ?? []
    const named = [...commands, ...cells].flatMap((text) => text.match(/(?<=[\s`])--[a-z][a-z-]+/g) ?? [])
    expect(named.filter((flag) => !knownFlags.has(flag))).toEqual([])
  })
})

test('TypeScript in the documentation compiles', () => {
  rmSync(workplace, { recursive: true, force: true })
  mkdirSync(workplace, { recursive: true })
  const checked = pages.flatMap((page) =>
    page.blocks
      .filter(({ language, marker }) => /^tsx?$/.test(language) && marker && marker !== 'from')
      .map((block) => ({ page, block })),
  )
  for (const { page, block } of checked) {
    writeFileSync(
      join(workplace, `${slug(page, block)}.${block.language}`),
      `${block.declarations}\n${block.code}\nexport {}\n`,
    )
  }
  const compilerOptions = {
    ...{ target: 'es2024', module: 'nodenext', strict: true, noEmit: true, skipLibCheck: true, types: ['node'] },
    lib: ['ES2024', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable'],
    moduleDetection: 'force',
    jsx: 'react-jsx',
  }
  writeFileSync(join(workplace, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts', '*.tsx'] }))
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  expect(checked.length).toBeGreaterThan(10)
  expect(outputOf([tsc, '--pretty', 'false', '-p', workplace])).toBe('')
})

test('the table in docs/limits.md has every limit of headwater serve', () => {
  const help = outputOf([headwater, 'serve', '--help'])
  const group = /^What clients may use:\n(?<flags>[\s\S]*?)\n\n/m.exec(help)?.groups?.flags ?? ''
  const flags = Array.from(group.matchAll(/^ +(?<flag>--max-[a-z-]+)/gm), ({ groups }) => groups?.flag)
  const page = pages.find(({ path }) => path === 'docs/limits.md')!
  expect(flags.length).toBeGreaterThan(5)
  expect(flags.filter((flag) => !page.text.includes(`| \`${flag}\` |`))).toEqual([])
})

test('tables of options in the documentation have the defaults of headwater serve', () => {
  const help = outputOf([headwater, 'serve', '--help']).replaceAll(/\n {20,}/g, ' ')
  const wrong = pages
    .flatMap(({ path, text }) =>
      Array.from(text.matchAll(/^\| `(?<flag>--[a-z-]+)` \| (?<value>[\d,.]+[a-zA-Z]*) \|/gm), ({ groups }) => {
        const { flag = '', value = '' } = groups ?? {}
        const actual = new RegExp(`^ +${flag} .*\\(default: "?(?<value>[^)"]*)"?\\)`, 'm').exec(help)?.groups?.value
        return {
          path,
          flag,
          value: value.replaceAll(',', ''),
          actual: actual?.replace(/^(\d+)MiB$/, (_, count) => `${count * 1024 ** 2}`),
        }
      }),
    )
    .filter(({ value, actual }) => value !== actual)
  expect(wrong).toEqual([])
})

const knownFlags = new Set(
  [
    ...['', 'serve', 'publish', 'tail', 'vitals', 'token', 'doctor', 'top', 'bench', 'init', 'try'],
    ...['history list', 'history show', 'history export', 'history import', 'history trim', 'store init'],
  ].flatMap((command) => {
    const help = outputOf([headwater, ...command.split(' ').filter(Boolean), '--help'])
    return help.match(/--[a-z][a-z-]+/g) ?? []
  }),
)

function outputOf(command: string[]): string {
  try {
    return execFileSync(process.execPath, command, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    return `${stdout}${stderr}`
  }
}

function leadsSomewhere(page: Page, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const full = path === '' ? page.path : normalize(join(dirname(page.path), path)).replace(/\/$/, '')
  if (!existsSync(join(root, full))) return false
  if (anchor === undefined) return true
  const there = pages.find((each) => each.path === full || each.path === `${full}/README.md`)
  return there !== undefined && anchorsOf(there).includes(anchor)
}

function slug({ path }: Page, { line }: Block): string {
  return `${path.replace(/\.md$/, '').replaceAll(/[^\w]+/g, '-')}-${line}`
}

/** Commands that are run together, by the first block of each. */
function sessionsOf({ blocks }: Page): { line: number; blocks: Block[] }[] {
  const sessions: { line: number; blocks: Block[] }[] = []
  for (const block of blocks.filter(({ language }) => language === 'sh' || language in interpreters)) {
    if (block.marker === 'run') sessions.push({ line: block.line, blocks: [block] })
    if (block.marker === 'then') sessions.at(-1)!.blocks.push(block)
  }
  return sessions
}

/** The commands of a block; a program in another language is run when the hub is ready. */
function shellOf({ language, code }: Block): string {
  const interpreter = interpreters[language]
  if (!interpreter) return code
  return `cat > program <<'END_OF_PROGRAM'\n${code}END_OF_PROGRAM\ncurl -s http://127.0.0.1:3000/healthz\n${interpreter} program`
}

const interpreters: Readonly<Record<string, string>> = {
  python: 'python3',
  php: 'php',
  js: 'node --input-type=module <',
}

/** Programs that not every machine has. */
function toolsOf(blocks: readonly Block[]): string[] {
  const tools = ['sqlite3', 'openssl', 'curl', 'python3', 'php']
  return tools.filter((tool) => blocks.some((block) => new RegExp(`\\b${tool} `).test(shellOf(block))))
}

function hasTool(tool: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((directory) => existsSync(join(directory, tool)))
}

/** Which of the lines that blocks should print are not in an output. */
function missingOf(blocks: readonly Block[]): (output: string) => string[] {
  const expected = blocks.flatMap(({ prints = '' }) => prints.split('\n').filter(Boolean))
  return (output) => expected.filter((line) => !lineLike(line).test(output))
}

function lineLike(line: string): RegExp {
  const parts = line
    .trim()
    .split('…')
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^\\s*${parts.join('.*')}\\s*$`, 'm')
}
