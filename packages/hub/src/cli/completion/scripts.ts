import type { CompletedCommand, CompletedOption, Kind } from './words.ts'

export const shells = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof shells)[number]

/** The script that completes `headwater` in a shell. */
export function completionScript(shell: Shell, commands: readonly CompletedCommand[]): string {
  if (shell === 'bash') return bashScript(commands)
  return shell === 'zsh' ? zshScript(commands) : fishScript(commands)
}

function bashScript(commands: readonly CompletedCommand[]): string {
  const words = (list: readonly string[]) => `compgen -W ${quoted(list.join('\n'))} -- "$cur"`
  const listing = (kind: Kind) => {
    if (kind.name === 'words') return words(kind.words)
    if (kind.name === 'any') return ':'
    return `compopt -o filenames 2>/dev/null; compgen -${kind.name === 'file' ? 'f' : 'd'} -- "$cur"`
  }
  const fill = (command: string) =>
    command === ':' ? ':' : command.replace(/(compgen [\s\S]*)$/, (compgen) => `COMPREPLY=($(${compgen}))`)
  const values = commands.flatMap(({ path, options }) =>
    options.flatMap(({ names, value }) =>
      value
        ? [`    ${names.map((name) => quoted(`${path}:${name}`)).join('|')}) ${fill(listing(value))}; return ;;`]
        : [],
    ),
  )
  const options = commands.map(
    ({ path, options }) => `    ${quoted(path)}) ${fill(words(options.flatMap(({ names }) => names)))} ;;`,
  )
  const rest = commands.map(({ path, commands: below, argument }) => {
    const names = below.map(({ name }) => name)
    return `    ${quoted(path)}) ${fill(names.length > 0 ? words(names) : listing(argument))} ;;`
  })
  // Works in the bash 3.2 of macOS.
  return `# Completion of headwater for bash. In ~/.bashrc: eval "$(headwater completion bash)"
_headwater() {
  local IFS=$' \\t\\n' cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" at="" i
  # bash takes the = of --option=value for a word of its own.
  if [ "$prev" = = ]; then prev="\${COMP_WORDS[COMP_CWORD-2]}"; fi
  if [ "$cur" = = ]; then cur=""; fi
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$at/\${COMP_WORDS[i]}" in
${stepsOf(commands)
  .map(({ from, word, to }) => `      ${quoted(`${from}/${word}`)}) at=${quoted(to)} ;;`)
  .join('\n')}
    esac
  done
  IFS=$'\\n'
  case "$at:$prev" in
${values.join('\n')}
  esac
  case "$cur" in
    -*) case "$at" in
${options.join('\n')}
    esac; return ;;
  esac
  case "$at" in
${rest.join('\n')}
  esac
}
complete -F _headwater headwater
`
}

function zshScript(commands: readonly CompletedCommand[]): string {
  const described = (items: readonly (readonly [name: string, about: string])[]) =>
    items.map(([name, about]) => quoted(`${name.replaceAll(':', '\\:')}:${about}`)).join(' ')
  const listing = (kind: Kind) => {
    if (kind.name === 'words') return `compadd -- ${kind.words.map(quoted).join(' ')}`
    if (kind.name === 'any') return 'true'
    return kind.name === 'file' ? '_files' : '_files -/'
  }
  const values = commands.flatMap(({ path, options }) =>
    options.flatMap(({ names, value }) =>
      value ? [`    (${names.map((name) => quoted(`${path}:${name}`)).join('|')}) ${listing(value)}; return ;;`] : [],
    ),
  )
  const options = commands.map(({ path, options }) => {
    const items = options.flatMap(({ names, about }) => names.map((name) => [name, about] as const))
    return `    (${quoted(path)}) words_=(${described(items)}); _describe -o option words_ ;;`
  })
  const rest = commands.map(({ path, commands: below, argument }) => {
    if (below.length === 0) return `    (${quoted(path)}) ${listing(argument)} ;;`
    return `    (${quoted(path)}) words_=(${described(below.map(({ name, about }) => [name, about]))}); _describe command words_ ;;`
  })
  return `#compdef headwater
# Completion of headwater for zsh. In ~/.zshrc, after compinit: eval "$(headwater completion zsh)"
_headwater() {
  local cur="\${words[CURRENT]}" prev="\${words[CURRENT-1]}" at="" i
  local -a words_
  for ((i = 2; i < CURRENT; i++)); do
    case "$at/\${words[i]}" in
${stepsOf(commands)
  .map(({ from, word, to }) => `      (${quoted(`${from}/${word}`)}) at=${quoted(to)} ;;`)
  .join('\n')}
    esac
  done
  if [[ "$cur" == --*=* ]]; then
    prev="\${cur%%=*}"
    compset -P '*='
  fi
  case "$at:$prev" in
${values.join('\n')}
  esac
  if [[ "$cur" == -* ]]; then
    case "$at" in
${options.join('\n')}
    esac
    return
  fi
  case "$at" in
${rest.join('\n')}
  esac
}
if [ "$funcstack[1]" = _headwater ]; then _headwater; else compdef _headwater headwater; fi
`
}

function fishScript(commands: readonly CompletedCommand[]): string {
  const lines = commands.flatMap(({ path, commands: below, options, argument }) => {
    const here = `complete -c headwater -n ${fishQuoted(`__headwater_at ${fishQuoted(path)}`)}`
    return [
      ...below.map(({ name, about }) => `${here} -f -a ${fishQuoted(name)} -d ${fishQuoted(about)}`),
      ...(below.length > 0 ? [] : [`${here} ${fishValue(argument)}`]),
      ...options.map((option) => `${here} ${fishOption(option)}`),
    ]
  })
  return `# Completion of headwater for fish. Once: headwater completion fish > ~/.config/fish/completions/headwater.fish
function __headwater_at
  set -l at ''
  for word in (commandline -opc)[2..-1]
    switch "$at/$word"
${stepsOf(commands)
  .map(({ from, word, to }) => `      case ${fishQuoted(`${from}/${word}`)}\n        set at ${fishQuoted(to)}`)
  .join('\n')}
    end
  end
  test "$at" = "$argv[1]"
end
${lines.join('\n')}
`
}

function fishOption({ names, about, value }: CompletedOption): string {
  const flags = names.map((name) => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
  return `${flags.join(' ')}${value ? ` -r ${fishValue(value)}` : ''} -d ${fishQuoted(about)}`
}

function fishValue(kind: Kind): string {
  if (kind.name === 'words') return `-f -a ${fishQuoted(kind.words.join(' '))}`
  if (kind.name === 'any') return '-f'
  return kind.name === 'file' ? '-F' : "-f -a '(__fish_complete_directories)'"
}

/** Which word leads from which command to which. */
function stepsOf(commands: readonly CompletedCommand[]) {
  return commands.flatMap(({ path, commands: below }) =>
    below.map(({ name }) => ({ from: path, word: name, to: `${path} ${name}`.trim() })),
  )
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
