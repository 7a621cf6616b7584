import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build, type Plugin } from 'esbuild'
import { compile, compileModule } from 'svelte/compiler'

/** The frameworks whose bindings are tested, each with the module of its page. */
export const frameworks = ['React 19', 'React 18', 'Vue 3', 'Svelte 5'] as const
export type Framework = (typeof frameworks)[number]

/** A test page of a framework in development, where React's StrictMode mounts everything twice. */
export async function bundlePage(framework: Framework): Promise<string> {
  const [name] = framework.toLowerCase().split(' ')
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`${name}.ts`, import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    platform: 'browser',
    conditions: ['browser', 'development', 'svelte'],
    define: {
      'process.env.NODE_ENV': '"development"',
      __VUE_OPTIONS_API__: 'false',
      __VUE_PROD_DEVTOOLS__: 'false',
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
    },
    alias: framework === 'React 18' ? react18() : {},
    plugins: [svelteFiles('client')],
    logLevel: 'error',
  })
  return outputFiles[0]!.text
}

/** A component of Svelte and its `render`, for a server. */
export async function bundleForServer(component: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `export { render } from 'svelte/server'\nexport { default } from './${component}'`,
      resolveDir: fileURLToPath(new URL('.', import.meta.url)),
    },
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    platform: 'node',
    external: ['node:*'],
    plugins: [svelteFiles('server')],
    logLevel: 'error',
  })
  return outputFiles[0]!.text
}

/** Compiles `.svelte` and `.svelte.js` files. */
function svelteFiles(generate: 'client' | 'server'): Plugin {
  const options = { generate, dev: true }
  return {
    name: 'svelte',
    setup(build) {
      build.onLoad({ filter: /\.svelte$/ }, async ({ path }) => ({
        contents: compile(await readFile(path, 'utf8'), { ...options, filename: path }).js.code,
      }))
      build.onLoad({ filter: /\.svelte\.js$/ }, async ({ path }) => ({
        contents: compileModule(await readFile(path, 'utf8'), { ...options, filename: path }).js.code,
      }))
    },
  }
}

function react18(): Record<string, string> {
  const require = createRequire(new URL('../../../../../conformance/react-18/package.json', import.meta.url))
  return Object.fromEntries(
    ['react', 'react-dom'].map((name) => [name, dirname(require.resolve(`${name}/package.json`))]),
  )
}
