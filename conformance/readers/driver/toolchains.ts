import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { folder, type Language, pythonEnvironments, requirementsOf, workplace } from './readers.ts'

const symfony = '/usr/share/php/Symfony/Component/HttpClient/autoload.php'

/** Installs and compiles the readers of a language, as its lock file says; gives the reason when that cannot be done here. */
export function prepare(language: Language): string | undefined {
  mkdirSync(join(workplace, 'go'), { recursive: true })
  mkdirSync(join(workplace, 'java'), { recursive: true })
  return preparations[language]()
}

const preparations: Record<Language, () => string | undefined> = {
  // scripts/test-readers.mjs has installed it.
  JavaScript: () => undefined,
  Python: () => {
    if (!isThere('python3', '--version')) return 'there is no python3'
    return pythonEnvironments.map(preparePython).find((reason) => reason !== undefined)
  },
  Go: () => {
    if (!isThere('go', 'version')) return 'there is no go'
    return run('go', ['build', '-mod=readonly', '-o', join(workplace, 'go/readers'), '.'], join(folder, 'go'))
  },
  Rust: () => {
    if (!isThere('cargo', '--version')) return 'there is no cargo'
    const target = ['--target-dir', join(workplace, 'rust')]
    return run('cargo', ['build', '--quiet', '--locked', '--jobs', '1', ...target], join(folder, 'rust'))
  },
  Java: () => {
    if (!isThere('mvn', '--version')) return 'there is no mvn'
    const goals = [
      'compile',
      'dependency:build-classpath',
      `-Dmdep.outputFile=${join(workplace, 'java/classpath.txt')}`,
    ]
    return run('mvn', ['-q', '-B', '-f', join(folder, 'java/pom.xml'), ...goals], join(workplace, 'java'))
  },
  PHP: () => {
    if (!isThere('php', '--version')) return 'there is no php'
    return existsSync(symfony) ? undefined : 'there is no php-symfony-http-client'
  },
}

function preparePython(environment: string): string | undefined {
  const path = join(workplace, environment)
  const install = ['install', '--quiet', '--disable-pip-version-check', '-r', join(folder, requirementsOf(environment))]
  return run('python3', ['-m', 'venv', path]) ?? run(join(path, 'bin/pip'), install)
}

function isThere(program: string, argument: string): boolean {
  return spawnSync(program, [argument], { stdio: 'ignore' }).status === 0
}

/** Runs a command; gives the reason when it fails. */
function run(program: string, parameters: readonly string[], cwd = workplace): string | undefined {
  const { status, error } = spawnSync(program, parameters, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  return status === 0 ? undefined : `${program} failed (${error?.message ?? status})`
}
