import type { KeptHistory } from './kept-history.ts'

/** Says that events are damaged and were left out, and makes the command exit with 1. */
export function warnOfDamage({ damaged, text }: KeptHistory): void {
  if (damaged === 0) return
  const events = damaged === 1 ? '1 event is' : `${damaged} events are`
  console.error(`headwater: ${events} damaged in ${text}, and left out. headwater doctor says which.`)
  process.exitCode = 1
}
