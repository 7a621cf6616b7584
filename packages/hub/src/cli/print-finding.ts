/** A result of an examination: of a data directory, or of an engine. */
export interface PrintedFinding {
  readonly verdict: 'good' | 'worth a look' | 'bad'
  readonly about: string
  readonly text: string
}

/** Prints a finding as a line of text or of JSON. A bad one makes the command exit with 1. */
export function printFinding(finding: PrintedFinding, json: boolean): void {
  if (finding.verdict === 'bad') process.exitCode = 1
  console.log(json ? JSON.stringify(finding) : `${marks[finding.verdict]} ${finding.about}: ${finding.text}`)
}

const marks: Record<PrintedFinding['verdict'], string> = { good: 'ok  ', 'worth a look': 'look', bad: 'BAD ' }
