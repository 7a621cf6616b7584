import { type Outcome, sumOf } from './outcome.ts'
import type { Language, Reader } from './readers.ts'
import type { Scenario } from './scenarios.ts'

/** What each reader got: of one scenario, on the hub and on the control server, by the reader's ID. */
export interface Results {
  readonly scenario: Scenario
  readonly hub: ReadonlyMap<string, Outcome>
  readonly control: ReadonlyMap<string, Outcome>
}

/** A table in Markdown: a line for each reader, and below it in which scenarios something was not as it should be. */
export function tableOf(readers: readonly Reader[], results: readonly Results[]): string {
  const lines = readers.map((reader) => {
    const [hub, control] = (['hub', 'control'] as const).map((server) =>
      cells(sumOf(results.map((each) => each[server].get(reader.id)!))),
    )
    return `| ${titleOf(reader)} | ${hub!.join(' | ')} | ${control!.join(' | ')} |`
  })
  return [
    '| reader | lost | doubled | without data | plain server: lost | doubled | without data |',
    '| --- | ---: | ---: | ---: | ---: | ---: | ---: |',
    ...lines,
  ].join('\n')
}

/** A line for each reader and scenario in which anything was lost, doubled, out of order or without data. */
export function faultsOf(readers: readonly Reader[], results: readonly Results[]): string[] {
  return readers.flatMap((reader) =>
    results.flatMap(({ scenario, ...of }) =>
      (['hub', 'control'] as const).flatMap((server) => {
        const outcome = of[server].get(reader.id)!
        return isFaultless(outcome)
          ? []
          : [`${titleOf(reader)}: ${scenario.name}, ${scenario[server].name}: ${JSON.stringify(outcome)}`]
      }),
    ),
  )
}

/** Those for whom more was lost, doubled, out of order or without data on the hub than on the control server, or who got a gap. */
export function worseThanControl(readers: readonly Reader[], results: readonly Results[]): Reader[] {
  return readers.filter(({ id }) => {
    const [ours, theirs] = (['hub', 'control'] as const).map((server) =>
      sumOf(results.map((each) => each[server].get(id)!)),
    )
    const faults = ['lost', 'doubled', 'reordered', 'withoutData', 'gaps'] as const
    return faults.some((fault) => ours![fault] > theirs![fault])
  })
}

function isFaultless({ lost, doubled, reordered, withoutData, gaps }: Outcome): boolean {
  return lost + doubled + reordered + withoutData + gaps === 0
}

function titleOf({ language, name }: { language: Language; name: string }): string {
  return `${language}: ${name}`
}

function cells({ published, lost, doubled, reordered, withoutData }: Outcome): string[] {
  return [
    `${lost} of ${published}`,
    `${doubled}${reordered > 0 ? `, ${reordered} out of order` : ''}`,
    `${withoutData}`,
  ]
}
