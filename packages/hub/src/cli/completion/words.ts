import type { Argument, Command, Option } from 'commander'

/** What can be completed: the commands, their options, and what those take. */
export interface CompletedCommand {
  /** The words that lead to it, such as `history list`; empty for the program itself. */
  readonly path: string
  readonly commands: readonly { readonly name: string; readonly about: string }[]
  readonly options: readonly CompletedOption[]
  /** What its arguments are. */
  readonly argument: Kind
}

export interface CompletedOption {
  /** `--topic`, and `-t` if there is one. */
  readonly names: readonly string[]
  readonly about: string
  /** `undefined` if it takes no value. */
  readonly value: Kind | undefined
}

/** What a value is: one of some words, a file, a directory, or anything. */
export type Kind =
  | { readonly name: 'words'; readonly words: readonly string[] }
  | { readonly name: 'file' | 'directory' | 'any' }

/** All commands of a program, the program itself first. */
export function completedCommands(program: Command): readonly CompletedCommand[] {
  return toCompleted(program, '')
}

function toCompleted(command: Command, path: string): CompletedCommand[] {
  const help = command.createHelp()
  const commands = help.visibleCommands(command).filter((each) => each.name() !== 'help')
  return [
    {
      path,
      commands: commands.map((each) => ({ name: each.name(), about: brief(each.summary() || each.description()) })),
      options: help.visibleOptions(command).map(toOption),
      argument: argumentKind(command.registeredArguments),
    },
    ...commands.flatMap((each) => toCompleted(each, `${path} ${each.name()}`.trim())),
  ]
}

function toOption({ long, short, description, argChoices, flags, required, optional }: Option): CompletedOption {
  const names = [long, short].filter((name) => name !== undefined && name !== null)
  const placeholder = /<(?<name>[^>]+)>/.exec(flags)?.groups?.name ?? ''
  return {
    names,
    about: brief(description),
    value: required || optional ? (argChoices ? { name: 'words', words: argChoices } : kindOf(placeholder)) : undefined,
  }
}

function argumentKind([first, ...more]: readonly Argument[]): Kind {
  if (!first) return { name: 'any' }
  if (first.argChoices) return { name: 'words', words: first.argChoices }
  const kind = kindOf(first.name())
  return kind.name === 'any' && more.length > 0 ? argumentKind(more) : kind
}

/** By the name of a placeholder: a URL or a directory is completed as a directory. */
function kindOf(placeholder: string): Kind {
  if (placeholder === 'file') return { name: 'file' }
  if (placeholder === 'directory' || placeholder === 'where') return { name: 'directory' }
  return { name: 'any' }
}

/** The beginning of a description, on one line. */
function brief(text: string): string {
  const first = text.split(/[:;.(]\s|\n/)[0]!.trim()
  return first.length > 70 ? `${first.slice(0, 69)}…` : first
}
