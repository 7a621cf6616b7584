// What the reference is made of: the entries of the packages, as their package.json exports them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../scripts/setup.mjs'

const about = {
  headwater:
    'The hub in a program. How to use it: [The hub](/hub). On the command line: [each command](/reference/command-line).',
  '@headwater/sse':
    'Parser and encoder of event streams, and maps of events. How to use it: [The library](/library#protocol-headwatersse).',
  '@headwater/sse/client':
    '`EventSource` and `events()`. How to use them: [The library](/library#client-headwatersseclient).',
  '@headwater/sse/server': 'Sessions and channels. How to use them: [The library](/library#server-headwatersseserver).',
  '@headwater/sse/testing':
    'A scripted server and a clock, for tests of your own code. How to use them: [Testing](/testing).',
  '@headwater/sse/tabs': 'How to use it: [One connection for all tabs](/tabs).',
  '@headwater/sse/live': 'The store behind the bindings, for other frameworks: [React, Vue and Svelte](/bindings).',
  '@headwater/sse/react': 'How to use it: [React, Vue and Svelte](/bindings).',
  '@headwater/sse/vue': 'How to use it: [React, Vue and Svelte](/bindings).',
  '@headwater/sse/svelte': 'How to use it: [React, Vue and Svelte](/bindings).',
}

/** `entry` is relative to the repository; `key` is TypeDoc's name of the module, `name` what a program imports. */
export const modules = ['hub', 'sse'].flatMap((folder) => {
  const { name, exports } = JSON.parse(readFileSync(join(root, 'packages', folder, 'package.json'), 'utf8'))
  return Object.entries(exports)
    .filter(([path, { '@headwater/source': source }]) => source && path !== './internal')
    .map(([path, { '@headwater/source': source }]) => {
      const entry = join('packages', folder, source).replaceAll('\\', '/')
      const key = entry.slice('packages/'.length).replace(/(?:\/index)?\.ts$/, '')
      const imported = `${name}${path.slice(1)}`
      return {
        entry,
        key,
        name: imported,
        page: imported.replace('@headwater/', '').replaceAll('/', '-'),
        about: about[imported] ?? '',
      }
    })
})
