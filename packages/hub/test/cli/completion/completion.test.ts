import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { headwaterCommand } from '../../from-source.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { OnTerminal, whyNoTerminal } from '../pseudo-terminal.ts'

const scripts: Record<string, string> = {}

beforeAll(() => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    scripts[shell] = execFileSync(process.execPath, [...headwaterCommand, 'completion', shell], { encoding: 'utf8' })
  }
})

/** Why a shell cannot be tried, which is printed: those tests are skipped. */
function whyNot(shell: string): string | undefined {
  try {
    execFileSync(shell, ['-c', 'true'])
    return undefined
  } catch {
    console.log(`skipped: what is completed in ${shell}, because it is not installed`)
    return `${shell} is not installed`
  }
}

/** What a line is completed to, its last word being the one under way: cases for every shell. */
const cases: readonly (readonly [line: string, expected: readonly string[], without?: readonly string[]])[] = [
  ['headwater ', ['serve', 'tail', 'publish', 'history', 'completion', 'top', 'init'], ['list', '--help']],
  ['headwater hist', ['history'], ['serve']],
  ['headwater history ', ['list', 'show', 'export', 'import', 'trim'], ['serve']],
  ['headwater history im', ['import'], ['list']],
  ['headwater history export --f', ['--format'], ['--topic']],
  ['headwater history export --format ', ['jsonl', 'stream'], ['list']],
  ['headwater serve --dur', ['--durability'], ['--dev']],
  ['headwater serve --durability f', ['full', 'fast']],
  ['headwater serve --dev --log-level ', ['debug', 'info', 'warn', 'error']],
  ['headwater --hub http://127.0.0.1:3000 tail --ra', ['--raw'], ['--retry']],
  ['headwater completion ', ['bash', 'zsh', 'fish']],
  ['headwater tail -t log --since 10m --js', ['--json'], ['--raw']],
]

/** A folder with a file and a directory, to complete. */
function folder(): string {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'events one.jsonl'), '')
  mkdirSync(join(directory, 'events-data'))
  return directory
}

describe.skipIf(whyNot('bash'))('in bash', () => {
  function complete(line: string, cwd = temporaryDirectory()): string[] {
    // As bash splits a line into words, the = among them.
    const words = line
      .split(' ')
      .flatMap((word) => (word.includes('=') ? [word.split('=')[0]!, '=', word.split('=')[1]!] : [word]))
    const array = words.map((word) => `'${word}'`).join(' ')
    const body = `COMP_WORDS=(${array}); COMP_CWORD=${words.length - 1}; _headwater; printf '%s\\n' "\${COMPREPLY[@]}"`
    const output = execFileSync('bash', ['-c', `${scripts.bash}\n${body}`], {
      encoding: 'utf8',
      cwd,
      timeout: 20_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    return output.split('\n').filter(Boolean)
  }

  test.for(cases)('%s', ([line, expected, without = []]) => {
    const completed = complete(line)
    expect(completed).toEqual(expect.arrayContaining([...expected]))
    for (const word of without) expect(completed).not.toContain(word)
  })

  test('values after =, files and directories', () => {
    expect(complete('headwater serve --durability=fu')).toEqual(['full'])
    const cwd = folder()
    expect(complete('headwater history import ev', cwd).sort()).toEqual(['events one.jsonl', 'events-data'])
    expect(complete('headwater history list ev', cwd)).toEqual(['events-data'])
    expect(complete('headwater serve --config ev', cwd)).toContain('events one.jsonl')
    expect(complete('headwater tail -t l', cwd)).toEqual([])
  })

  test('is loaded by a shell as it is, and really completes', async () => {
    if (whyNoTerminal()) return
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'rc'), `${scripts.bash}\nPS1='> '\n`)
    const shell = new OnTerminal(['bash', '--noprofile', '--rcfile', join(directory, 'rc'), '-i'])
    await shell.shows(/> /)
    shell.type('headwater hist\tex\t--form\tjs\t')
    await shell.shows(/headwater history export --format jsonl/)
  })
})

describe.skipIf(whyNot('fish'))('in fish', () => {
  function complete(line: string, cwd = temporaryDirectory()): string[] {
    const output = execFileSync('fish', ['--no-config', '-c', `${scripts.fish}\ncomplete -C "${line}"`], {
      encoding: 'utf8',
      cwd,
    })
    return output
      .split('\n')
      .filter(Boolean)
      .map((line) => line.split('\t')[0]!)
  }

  test.for(cases)('%s', ([line, expected, without = []]) => {
    const completed = complete(line)
    expect(completed).toEqual(expect.arrayContaining([...expected]))
    for (const word of without) expect(completed).not.toContain(word)
  })

  test('values after =, files and directories', () => {
    expect(complete('headwater serve --durability=fu')).toEqual(['--durability=full'])
    const cwd = folder()
    expect(complete('headwater history import ev', cwd)).toContain('events one.jsonl')
    expect(complete('headwater history list ev', cwd)).toEqual(['events-data/'])
    expect(complete('headwater tail -t l', cwd)).toEqual([])
  })
})

describe.skipIf(whyNot('zsh'))('in zsh', () => {
  // The functions of its completion system print what they would offer.
  const system = `
    compadd() { shift; print -rl -- "$@" }
    _describe() { local -a all; all=("\${(@P)argv[-1]}"); print -rl -- "\${(@)all%%:*}" }
    _files() { print -r -- "files $1" }
    compset() { cur="\${cur#*=}" }
    compdef() { }
  `

  function complete(line: string): string[] {
    const words = line.split(' ').map((word) => `'${word}'`)
    const body = `words=(${words.join(' ')}); CURRENT=${words.length}; _headwater`
    const output = execFileSync('zsh', ['-f', '-c', `${system}\n${scripts.zsh}\n${body}`], {
      encoding: 'utf8',
      timeout: 20_000,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const begun = line
      .split(' ')
      .at(-1)!
      .replace(/^--.*=/, '')
    return output.split('\n').filter((word) => word.startsWith('files') || (word !== '' && word.startsWith(begun)))
  }

  test.for(cases)('%s', ([line, expected, without = []]) => {
    const completed = complete(line)
    expect(completed).toEqual(expect.arrayContaining([...expected]))
    for (const word of without) expect(completed).not.toContain(word)
  })

  test('values after =, files and directories', () => {
    expect(complete('headwater serve --durability=fu')).toEqual(['full'])
    expect(complete('headwater history import ev')).toEqual(['files '])
    expect(complete('headwater history list ev')).toEqual(['files -/'])
    expect(complete('headwater tail -t l')).toEqual([])
  })
})
