import { peers } from '../peers/all.ts'
import type { Scenario } from '../scenarios/stage.ts'
import { judge } from './aims.ts'
import { medianOf, type Results, type Trial } from './results.ts'

/** Everything as Markdown: the aims, then a table for each scenario, medians over the rounds. */
export function tableOf(results: Results, scenarios: readonly Scenario[]): string {
  const { trials, startedAt, machine, command, rounds, scale } = results
  const lines = [
    `Medians of ${rounds} ${rounds === 1 ? 'round' : 'rounds'} in which the peers took turns, at scale ${scale}. ${startedAt}, ${machine}.`,
    '',
    `\`${command}\``,
    '',
    ...aimLines(trials),
  ]
  for (const scenario of scenarios) {
    const own = trials.filter((trial) => trial.scenario === scenario.name)
    if (own.length > 0)
      lines.push('', `### ${scenario.name}`, '', `${scenario.description}.`, '', ...scenarioLines(own))
  }
  return `${lines.join('\n')}\n`
}

function aimLines(trials: readonly Trial[]): string[] {
  return [
    '| scenario | measure | to reach | measured | |',
    '| --- | --- | ---: | ---: | --- |',
    ...judge(trials).map((each) => row([each.scenario, each.title, each.toReach, each.measured, each.verdict])),
  ]
}

function scenarioLines(trials: readonly Trial[]): string[] {
  const measures = [...new Set(trials.flatMap((trial) => Object.keys(trial.measures)))]
  const names = peers.map((peer) => peer.name).filter((name) => trials.some((trial) => trial.peer === name))
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
