import { useEffect, useState } from 'preact/hooks'
import { getJson, observeUrl } from '../data/hub.ts'

const everyMs = 2000

/** A list of the hub's, asked for again and again while it is looked at. */
export function usePolled<T>(
  path: string,
  query: Readonly<Record<string, string | number | undefined>>,
): { readonly value: T | undefined; readonly problem: Error | undefined } {
  const [state, setState] = useState<{ value: T | undefined; problem: Error | undefined }>({
    value: undefined,
    problem: undefined,
  })
  const url = observeUrl(path, query).href
  useEffect(() => {
    const left = new AbortController()
    let timer = 0
    async function read(): Promise<void> {
      if (!document.hidden) {
        try {
          const value = await getJson<T>(new URL(url), left.signal)
          setState({ value, problem: undefined })
        } catch (error) {
          if (left.signal.aborted) return
          setState((before) => ({ ...before, problem: error instanceof Error ? error : new Error(String(error)) }))
        }
      }
      if (!left.signal.aborted) timer = window.setTimeout(read, everyMs)
    }
    void read()
    return () => {
      left.abort()
      clearTimeout(timer)
    }
  }, [url])
  return state
}
