import { fileURLToPath } from 'node:url'

/** The condition under which our packages are their TypeScript sources: docs/decisions/0017. */
export const fromSource = '--conditions=@headwater/source'

/** What follows `node` to run a file of TypeScript, with our packages as their sources. */
export function typescript(file: URL): string[] {
  return [fromSource, fileURLToPath(file)]
}

/** What follows `node` to run the command line as it stands in `src`. */
export const headwaterCommand = typescript(new URL('../src/cli/main.ts', import.meta.url))
