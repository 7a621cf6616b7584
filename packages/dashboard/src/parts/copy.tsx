import { useEffect, useState } from 'preact/hooks'

/** Copies a text, and says that it did. */
export function Copy({ text, children }: { text: string | (() => string); children: preact.ComponentChildren }) {
  const [outcome, setOutcome] = useState('')
  useEffect(() => {
    if (outcome === '') return
    const timer = setTimeout(() => setOutcome(''), 1500)
    return () => clearTimeout(timer)
  }, [outcome])
  async function copy(): Promise<void> {
    const value = typeof text === 'string' ? text : text()
    try {
      await navigator.clipboard.writeText(value)
      setOutcome('Copied')
    } catch {
      // Over plain HTTP from another machine there is no clipboard.
      setOutcome(copyOldWay(value) ? 'Copied' : 'Not allowed')
    }
  }
  return (
    <button type="button" class="quiet copy" onClick={copy}>
      {outcome || children}
    </button>
  )
}

function copyOldWay(text: string): boolean {
  const area = document.createElement('textarea')
  area.value = text
  document.body.append(area)
  area.select()
  const isCopied = document.execCommand('copy')
  area.remove()
  return isCopied
}
