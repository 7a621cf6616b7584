// The client in Hermes, for test/react-native.test.ts. Bundles a program with the build, compiles it as Metro does (with
// React Native's Babel preset), and runs it in Hermes 0.12, the newest whose engine npm has. The compiler of React
// Native's current Hermes has to accept it as well.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { transformSync } from '@babel/core'
import { build } from 'esbuild'

const require = createRequire(import.meta.url)
const here = import.meta.dirname
const output = join(here, '../../.cache/react-native')
const platform = { linux: 'linux64-bin', darwin: 'osx-bin', win32: 'win64-bin' }[process.platform]
const hermes = join(here, 'node_modules/hermes-engine-cli', platform, 'hermes')
const hermesc = join(here, 'node_modules/hermes-compiler/hermesc', platform, 'hermesc')

/** Runs a program of this folder in Hermes; returns what it prints. */
export async function runInHermes(program) {
  mkdirSync(output, { recursive: true })
  const { outputFiles } = await build({
    entryPoints: [join(here, program)],
    bundle: true,
    write: false,
    format: 'iife',
    target: 'esnext',
    platform: 'neutral',
    mainFields: ['module', 'main'],
    conditions: ['react-native', 'import'],
    external: ['node:*'],
    // Metro leaves nothing out.
    treeShaking: false,
    logLevel: 'error',
  })
  // Metro transforms the import() of a module that it has not; here it is never called.
  const code = outputFiles[0].text.replaceAll('import("node:http")', 'undefined')
  for (const binary of [hermes, hermesc]) chmodSync(binary, 0o755)
  // What Metro makes for today's Hermes, which keeps classes and generators.
  const today = compile(code, 'hermes-stable')
  writeFileSync(join(output, `today-${program}`), today)
  execFileSync(hermesc, [
    '-w',
    '-emit-binary',
    '-out',
    join(output, `${program}.hbc`),
    join(output, `today-${program}`),
  ])
  // What it makes for every other engine, which Hermes 0.12 runs.
  const path = join(output, program)
  writeFileSync(path, compile(code, 'default'))
  return execFileSync(hermes, ['-w', path], { encoding: 'utf8', timeout: 60_000 }).trim()
}

function compile(code, unstable_transformProfile) {
  const preset = require.resolve('@react-native/babel-preset')
  return transformSync(code, {
    presets: [[preset, { enableBabelRuntime: false, unstable_transformProfile, dev: false }]],
    babelrc: false,
    configFile: false,
    compact: false,
    sourceType: 'script',
  }).code
}
