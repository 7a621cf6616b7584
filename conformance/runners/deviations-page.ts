import { deviations } from '../cases/deviations/index.ts'
import { expectationsFor } from '../cases/harness/expectation.ts'
import type { Runtime } from '../cases/harness/runtime.ts'
import { cases } from '../cases/index.ts'

/** The targets of the tests, one for each column of numbers. */
const targets: [name: string, runtime: Runtime][] = [
  ['Chromium, native', { engine: 'Chromium', scope: 'page', implementation: 'native' }],
  ['Chromium, ours', { engine: 'Chromium', scope: 'page', implementation: 'ours' }],
  ['Firefox, native', { engine: 'Firefox', scope: 'page', implementation: 'native' }],
  ['Firefox, ours', { engine: 'Firefox', scope: 'page', implementation: 'ours' }],
  ['WebKit, native', { engine: 'WebKit', scope: 'page', implementation: 'native' }],
  ['WebKit, ours', { engine: 'WebKit', scope: 'page', implementation: 'ours' }],
  ['Node 24, native', { engine: 'Node.js', scope: 'process', implementation: 'native' }],
  ['Node 20 and 24, ours', { engine: 'Node.js', scope: 'process', implementation: 'ours' }],
  ['Bun, ours', { engine: 'Bun', scope: 'process', implementation: 'ours' }],
  ['Deno, native', { engine: 'Deno', scope: 'process', implementation: 'native' }],
  ['Deno, ours', { engine: 'Deno', scope: 'process', implementation: 'ours' }],
  ['workerd, native', { engine: 'workerd', scope: 'process', implementation: 'native' }],
  ['workerd, ours', { engine: 'workerd', scope: 'process', implementation: 'ours' }],
]

/** `deviations.md`: what the tests expect, for people. */
export function deviationsPage(): string {
  const standard = cases.filter(({ line }) => line !== 'superset')
  return [
    '# Who does what instead of the standard',
    '',
    'Written by `npx vitest run conformance/cases.test.ts -u` from the expectations in `cases/deviations/`. Each line is a',
    'test that passes, so each was measured. The cases of our superset are not counted here.',
    '',
    ...table(
      ['', 'cases', 'as the standard says', 'otherwise'],
      targets.map(([name, runtime]) => {
        const expectations = expectationsFor(standard, deviations, runtime)
        const otherwise = expectations.filter(({ deviation }) => deviation).length
        return [name, `${expectations.length}`, `${expectations.length - otherwise}`, `${otherwise}`]
      }),
    ),
    ...deviations.flatMap(({ who, from }) => [
      '',
      `## ${who[0]!.toUpperCase()}${who.slice(1)}`,
      '',
      ...table(
        ['the standard', who],
        Object.entries(from).map(([name, { does }]) => [name, does]),
      ),
    ]),
    '',
  ].join('\n')
}

function table(head: string[], rows: string[][]): string[] {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`)
}
