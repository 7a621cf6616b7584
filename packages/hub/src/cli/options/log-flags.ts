import { type Command, Option } from 'commander'
import { Log, type LogFormat, type LogLevel, logFormats, logLevels } from '../serve/log.ts'

/** What the flags of {@link addLogFlags} were given. */
export interface LogFlags {
  readonly logFormat: LogFormat
  readonly logLevel: LogLevel
}

/** Gives a command the flags of its log. */
export function addLogFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--log-format <format>', 'of the log on standard error: "text" for people, "json" for programs')
        .choices(logFormats)
        .default('text'),
    )
    .addOption(
      new Option('--log-level <level>', 'the least important lines to log; "debug" has each request')
        .choices(logLevels)
        .default('info'),
    )
}

/** The log that the flags ask for, on standard error. */
export function openLog({ logFormat, logLevel }: LogFlags): Log {
  // Whoever reads the log may go away. That is no reason to stop serving.
  process.stderr.on('error', () => {})
  return new Log({ format: logFormat, level: logLevel, write: (line) => process.stderr.write(line) })
}
