import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { CaseResult } from '../cases/harness/run-cases.ts'
import type { RunOrder } from '../cases/targets/run-order.ts'
import { bundleOf } from './bundle.ts'

/** Runs the cases in Node, Bun or Deno: `command` is the program and its arguments before the script. */
export async function runInChildProcess(command: string[], order: RunOrder): Promise<CaseResult[]> {
  const script = await writeBundle('process', await bundleOf('cases/targets/process.ts'))
  const { output, errors, code } = await runProgram([...command, script, JSON.stringify(order)])
  const lines = output.split('\n').filter((line) => line.startsWith('{'))
  if (code !== 0 || lines.length === 0) {
    throw new Error(`${command.join(' ')} ended with ${code} after ${lines.length} results.\n${errors}`)
  }
  return lines.map((line) => JSON.parse(line) as CaseResult)
}

/** Puts a bundle where a program can read it, and gives its path. */
export async function writeBundle(name: string, text: string): Promise<string> {
  const folder = fileURLToPath(new URL('../../.cache/conformance/', import.meta.url))
  await mkdir(folder, { recursive: true })
  // Several test files may write the same one at a time.
  const path = `${folder}${name}-${process.pid}-${++written}.mjs`
  await writeFile(path, text)
  return path
}

let written = 0

function runProgram([program, ...args]: string[]): Promise<{ output: string; errors: string; code: number | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program!, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    let errors = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text
    })
    child.on('error', reject)
    child.on('close', (code) => resolve({ output, errors, code }))
  })
}
