// Loaded before a suite that runs without a test runner of ours: what it imports of its own library is the adapter, and
// packages come from here. Nothing of the library itself is loaded.
import { existsSync } from 'node:fs'
import { createRequire, isBuiltin, registerHooks } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const { PEER_CHECKOUT: checkout, PEER_ADAPTER: adapter } = process.env
const requireHere = createRequire(import.meta.url)

registerHooks({
  resolve(specifier, context, next) {
    if (!context.parentURL?.startsWith(pathToFileURL(checkout).href)) return next(specifier, context)
    if (!specifier.startsWith('.')) {
      if (isBuiltin(specifier)) return next(specifier, context)
      return { url: pathToFileURL(requireHere.resolve(specifier)).href, shortCircuit: true }
    }
    const path = join(dirname(fileURLToPath(context.parentURL)), specifier)
    const own = path.slice(checkout.length + 1)
    if (own === '' || /^(src|lib)\b/.test(own) || path === checkout)
      return { url: pathToFileURL(adapter).href, shortCircuit: true }
    const typescript = [path.replace(/\.js$/, '.ts'), `${path}.ts`, `${path}/index.ts`].find(existsSync)
    const isThere = /\.[cm]?js$/.test(path) && existsSync(path)
    if (isThere || !typescript) return next(specifier, context)
    return { url: pathToFileURL(typescript).href, shortCircuit: true }
  },
})
