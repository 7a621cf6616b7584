import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'

describe('the bundle of', () => {
  // 4 KB, and beyond that: what can never be sent fails at once instead of being tried for ever (26);
  // content types are read as Fetch says, not by a guess at them (91);
  // comments come in their place among the events, and one that nobody listens to may be long (134);
  // it works without a global Request, and under fake timers (55);
  // a decision per failure, a URL per attempt, the response at open, bounds of the wait (115);
  // EventSource.fromReadableStream() (159);
  // a name in `retry` that does not exist is refused (26);
  // a response that ends inside an event, and is not asked for again, does not look complete (59);
  // a complete stream of ours ends it without a second request, and positions do not show (92);
  // an event map has its say before an event is dispatched (66);
  // React Native's compiler takes it: no static block;
  // a fetch whose bodies are no web streams fails at once (4);
  // a connection can be opened by another part, such as tabs() (59), which itself is not in it.
  it('EventSource alone is at most 5066 bytes, minified and gzipped', async () => {
    const code = await bundle('EventSource')
    expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(5066)
  })

  it('createParser alone is at most 2216 bytes, minified and gzipped', async () => {
    const code = await bundle('createParser', '../protocol/index.ts')
    expect(gzipSync(code, { level: 9 }).length).toBeLessThanOrEqual(2216)
  })

  it('EventSource alone has nothing of events() in it, and the other way round', async () => {
    expect(await bundle('EventSource')).not.toContain('INVALID_DATA')
    expect(await bundle('events')).not.toContain('isTrusted')
  })

  it('neither has anything of tabs() in it', async () => {
    expect(await bundle('EventSource, events')).not.toContain('BroadcastChannel')
  })

  // Of these, 1.2 KB are for merged selections.
  it('tabs() adds at most 5930 bytes to EventSource, minified and gzipped', async () => {
    const both = await bundle("EventSource } from './index.ts'; export { tabs", '../tabs/index.ts')
    const alone = await bundle('EventSource')
    expect(gzipSync(both, { level: 9 }).length - gzipSync(alone, { level: 9 }).length).toBeLessThanOrEqual(5930)
  })

  it('everything has nothing of Node in it', async () => {
    const { metafile } = await build({ ...options('EventSource, events, ConnectionError'), metafile: true })
    expect(Object.values(metafile.inputs).flatMap(({ imports }) => imports.filter(({ external }) => external))).toEqual(
      [],
    )
    expect(await bundle('EventSource, events')).not.toMatch(/\b(process|Buffer|require)\b/)
  })

  it('EventSource keeps its name whatever a minifier does', async () => {
    const code = `${await bundle('EventSource')}`.replace(/export\s*\{([\w$]+) as EventSource\};?\s*$/, 'return $1')
    expect(new Function(code)().name).toBe('EventSource')
  })
})

async function bundle(names: string, from?: string): Promise<string> {
  const { outputFiles } = await build({ ...options(names, from), write: false })
  return outputFiles[0]!.text
}

function options(names: string, from = './index.ts') {
  return {
    stdin: {
      contents: `export { ${names} } from '${from}'`,
      resolveDir: new URL('../../src/client', import.meta.url).pathname,
      loader: 'ts',
    },
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    write: false,
    logLevel: 'error',
  } as const
}
