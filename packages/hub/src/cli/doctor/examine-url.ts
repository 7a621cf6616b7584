import { diagnose } from './diagnose/diagnose.ts'
import { examineEndpoint } from './examine-endpoint.ts'
import { formatJson, formatReport } from './print-report.ts'
import { type EndpointOptions, parseTarget } from './target.ts'

/**
 * `headwater doctor URL`: looks, and prints what it found. A fault makes the command exit with 1.
 *
 * @throws HubError `INVALID_OPTION`, `ENDPOINT_UNREACHABLE`
 */
export async function examineUrl(url: string, options: EndpointOptions, isJson: boolean): Promise<void> {
  const target = parseTarget(url, options)
  const progress = showProgress()
  try {
    const facts = await examineEndpoint(target, progress.show)
    progress.clear()
    const diagnosis = diagnose(facts)
    if (diagnosis.findings.some(({ severity }) => severity === 'fault')) process.exitCode = 1
    const paper = {
      columns: Math.min(100, process.stdout.columns || 100),
      isColored: process.stdout.isTTY === true && (process.env.NO_COLOR ?? '') === '',
    }
    process.stdout.write(isJson ? formatJson(facts, diagnosis) : formatReport(facts, diagnosis, paper))
  } finally {
    progress.clear()
  }
}

/** One line on a terminal that says what goes on. Nothing anywhere else. */
function showProgress() {
  const { stderr } = process
  if (!stderr.isTTY) return { show: () => {}, clear: () => {} }
  const began = performance.now()
  let text = ''
  const draw = () => {
    const line = `headwater: ${text} (${Math.round((performance.now() - began) / 1000)} s)`
    stderr.write(`\r\x1b[K${line.slice(0, Math.max(10, (stderr.columns ?? 80) - 1))}`)
  }
  const timer = setInterval(draw, 1000)
  return {
    show(doing: string) {
      text = doing
      draw()
    },
    clear() {
      clearInterval(timer)
      if (text !== '') stderr.write('\r\x1b[K')
      text = ''
    },
  }
}
