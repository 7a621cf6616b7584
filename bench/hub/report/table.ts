import type { Scenario } from '../scenarios/stage.ts'
import { type Aim, aims, judge } from './aims.ts'
import { publishPathAims } from './publish-path-aims.ts'
import { medianOf, type Results, type Trial } from './results.ts'

/**
 * The whole report as Markdown: the aims, with those of the publish path apart, then a table for
 * each scenario, with medians over the rounds.
 */
export function tableOf(results: Results, scenarios: readonly Scenario[]): string {
  const { trials, startedAt, machine, command, rounds, scale } = results
  const lines = [
    `Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'} in which the peers took turns, at scale ${scale}. ${startedAt}, ${machine}.`,
    '',
    `\`${command}\``,
    '',
    ...aimLines(trials, aims),
    ...publishPathLines(trials),
  ]
  for (const scenario of scenarios) {
    const own = trials.filter((trial) => trial.scenario === scenario.name)
    if (own.length > 0)
      lines.push(
        '',
        `### ${scenario.name}`,
        '',
        `${scenario.description}.`,
        '',
        ...scenarioLines(own),
        ...ratioLines(own),
      )
  }
  return `${lines.join('\n')}\n`
}

function publishPathLines(trials: readonly Trial[]): string[] {
  if (judge(trials, publishPathAims).length === 0) return []
  return ['', 'The publish path, beside nchan and the naive loop:', '', ...aimLines(trials, publishPathAims)]
}

/** With a column for the version before, if it took part. */
function aimLines(trials: readonly Trial[], toReach: readonly Aim[]): string[] {
  const judgements = judge(trials, toReach)
  const hasBefore = judgements.some(({ before }) => before !== undefined)
  return [
    row(['scenario', 'measure', 'to reach', ...(hasBefore ? ['before'] : []), 'measured', '']),
    row(['---', '---', '---:', ...(hasBefore ? ['---:'] : []), '---:', '---']),
    ...judgements.map(({ scenario, title, toReach, before = '', measured, verdict }) =>
      row([scenario, title, toReach, ...(hasBefore ? [before] : []), measured, verdict]),
    ),
  ]
}

/** Each hub divided by the version before, the naive loop and nchan, if they took part. */
function ratioLines(trials: readonly Trial[]): string[] {
  const names = [...new Set(trials.map(({ peer }) => peer))]
  const hubs = names.filter((name) => name.startsWith('hub') && !name.endsWith('-before'))
  const pairs = hubs.flatMap((hub) =>
    [`${hub}-before`, 'naive', 'nchan'].filter((name) => names.includes(name)).map((other) => ({ hub, other })),
  )
  if (pairs.length === 0) return []
  const { scenario } = trials[0]!
  const measures = [...new Set(trials.flatMap((trial) => Object.keys(trial.measures)))].filter(
    (measure) => !measure.startsWith('others'),
  )
  return [
    '',
    row(['ratio', ...measures.map(titleOf)]),
    row(['---', ...measures.map(() => '---:')]),
    ...pairs.map(({ hub, other }) => {
      const cells = measures.map((measure) => {
        const value = medianOf(trials, { scenario, peer: hub, measure })
        const divisor = medianOf(trials, { scenario, peer: other, measure })
        return value === undefined || divisor === undefined ? '' : `${(value / divisor).toFixed(2)}x`
      })
      return row([`${hub} / ${other}`, ...cells])
    }),
  ]
}

function scenarioLines(trials: readonly Trial[]): string[] {
  const measures = [...new Set(trials.flatMap((trial) => Object.keys(trial.measures)))]
  const names = [...new Set(trials.map((trial) => trial.peer))]
  return [
    row(['peer', ...measures.map(titleOf), 'verified']),
    row(['---', ...measures.map(() => '---:'), '---']),
    ...names.map((peer) => {
      const own = trials.filter((trial) => trial.peer === peer)
      const scenario = own[0]!.scenario
      const cells = measures.map((measure) => format(measure, medianOf(trials, { scenario, peer, measure })))
      const note = own[0]!.note
      return row([note ? `${peer} (${note})` : peer, ...cells, verdictOf(own)])
    }),
  ]
}

function verdictOf(trials: readonly Trial[]): string {
  const failed = trials.filter((trial) => trial.error !== undefined)
  const faults = trials.flatMap((trial) => Object.entries(trial.faults))
  const words: string[] = []
  if (failed.length > 0) words.push(`${failed.length} of ${trials.length} rounds failed`)
  for (const name of new Set(faults.map(([name]) => name))) {
    words.push(`${name} ${faults.filter((fault) => fault[0] === name).reduce((sum, [, count]) => sum + count, 0)}`)
  }
  if (words.length > 0) return words.join(', ')
  return trials.every((trial) => trial.delivered === 0) ? 'nobody subscribes' : 'all, whole, in order'
}

function row(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** `cpuUsPerDelivery`: `cpu us per delivery`. */
function titleOf(measure: string): string {
  return measure
    .replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
    .replace(/ ms$/, ', ms')
    .replace(/ bytes$/, ', MiB')
    .replace(/ us /, ' µs ')
}

function format(measure: string, value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return ''
  if (measure.endsWith('Bytes')) return (value / 1024 ** 2).toFixed(0)
  if (value >= 1000) return Math.round(value).toLocaleString('en')
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
