import { type Command, Option } from 'commander'
import { Log, type LogFormat, type LogLevel, logFormats, logLevels } from './log.ts'

/** The values of the flags of {@link addLogFlags}. */
export interface LogFlags {
  readonly logFormat: LogFormat
  readonly logLevel: LogLevel
}

/** Adds the flags of the log. */
export function addLogFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--log-format <format>', 'format of the log on standard error: "text" for people, "json" for programs')
        .choices(logFormats)
        .default('text'),
    )
    .addOption(
      new Option('--log-level <level>', 'lowest level to log; "debug" includes each request')
        .choices(logLevels)
        .default('info'),
    )
}

/** Opens the log that the flags describe, on standard error. */
export function openLog({ logFormat, logLevel }: LogFlags): Log {
  // The reader of the log may go away. That is not a reason to stop serving.
  process.stderr.on('error', () => {})
  return new Log({ format: logFormat, level: logLevel, write: (line) => process.stderr.write(line) })
}
