import type { Diagnosis } from './diagnose/diagnose.ts'
import type { EndpointFacts } from './endpoint-facts.ts'
import type { Finding, Severity } from './finding.ts'

/** Where the report goes. */
export interface Paper {
  readonly columns: number
  readonly isColored: boolean
}

/** The report for people: plain words, as wide as the terminal; lines to change are never wrapped. */
export function formatReport(
  { target, watched, probe }: EndpointFacts,
  { between, findings }: Diagnosis,
  paper: Paper,
): string {
  const { redact } = target
  const answer =
    watched.httpVersion === undefined ? 'no answer' : `HTTP/${watched.httpVersion}, status ${watched.status}`
  const by =
    between.described.length > 0
      ? `named in between: ${between.described.join(', ')}`
      : 'nothing in between names itself'
  const head = [
    `${target.method} ${target.url.href}`,
    `${answer}; ${by}.`,
    ...(probe ? ['headwater doctor --serve stands behind it, so it is known what was sent.'] : []),
  ]
  const wrong = findings.filter(({ severity }) => severity !== 'ok')
  const well = findings.filter(({ severity }) => severity === 'ok')
  const parts = [
    head.map((line) => wrap(redact(line), paper.columns, '')).join('\n'),
    ...wrong.map((finding) => formatFinding(finding, redact, paper)),
    ...(well.length > 0
      ? [well.map(({ seen }) => labelled('ok', wrap(redact(seen), paper.columns, indent), paper)).join('\n')]
      : []),
    wrap(summarize(findings), paper.columns, ''),
  ]
  return `${parts.join('\n\n')}\n`
}

/** One line of JSON for each finding, without secrets. */
export function formatJson({ target: { redact } }: EndpointFacts, { between, findings }: Diagnosis): string {
  const safe = (finding: Finding): Finding => ({
    ...finding,
    seen: redact(finding.seen),
    ...(finding.fix && { fix: finding.fix.map(({ where, lines }) => ({ where, lines: lines.map(redact) })) }),
  })
  return findings.map((finding) => `${JSON.stringify({ ...safe(finding), between: between.proxies })}\n`).join('')
}

const indent = '         '

function formatFinding(
  { id, severity, seen, why, fix = [] }: Finding,
  redact: (text: string) => string,
  paper: Paper,
): string {
  const lines = [labelled(severity, wrap(`${id}: ${redact(seen)}`, paper.columns, indent), paper)]
  if (why !== undefined) lines.push(indent + wrap(why, paper.columns, indent))
  for (const [index, { where, lines: code }] of fix.entries()) {
    if (index === 0) lines.push(`${indent}To change:`)
    const first = redact(code[0] ?? '')
    // What fits stands beside its name.
    if (code.length === 1 && indent.length + where.length + first.length + 4 <= paper.columns) {
      lines.push(`${indent}  ${where}: ${first}`)
      continue
    }
    lines.push(
      `${indent}  ${wrap(`${where}:`, paper.columns, `${indent}  `)}`,
      ...code.map((line) => formatLine(redact(line), paper)),
    )
  }
  return lines.join('\n')
}

/** A line to write is never wrapped; what is said about it is. */
function formatLine(line: string, { columns }: Paper): string {
  const inner = `${indent}    `
  return (
    inner + (line.startsWith('# ') ? wrap(line, columns, `${inner}# `).replace(`${inner}# # `, `${inner}# `) : line)
  )
}

const colors: Record<Severity, number> = { fault: 31, warning: 33, note: 36, ok: 32 }

function labelled(severity: Severity, text: string, { isColored }: Paper): string {
  const label = severity === 'ok' ? 'ok' : severity.toUpperCase()
  return `${isColored ? `\x1b[1;${colors[severity]}m${label}\x1b[0m` : label}${' '.repeat(indent.length - label.length)}${text}`
}

function summarize(findings: readonly Finding[]): string {
  const counts = (['fault', 'warning', 'note'] as const).map((severity) => {
    const count = findings.filter((finding) => finding.severity === severity).length
    return `${count} ${severity}${count === 1 ? '' : 's'}`
  })
  const well = findings.filter(({ severity }) => severity === 'ok').length
  return `${counts.join(', ')}; ${well === 1 ? '1 check is' : `${well} checks are`} well.`
}

/** Wraps at spaces. The first line stands after a label as wide as the indent. */
export function wrap(text: string, columns: number, indent: string): string {
  const width = Math.max(20, columns - indent.length)
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join(`\n${indent}`)
}
