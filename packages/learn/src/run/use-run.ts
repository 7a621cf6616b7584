import { useEffect, useReducer, useRef } from 'preact/hooks'
import { Run, type RunInit } from './run.ts'

/** Only one run at a time: browsers open six connections to an origin, and each run takes three. */
let current: Run | undefined

/** The run of a part of the page, which is drawn again when something happens in it. */
export function useRun() {
  const [, draw] = useReducer((count: number) => count + 1, 0)
  const run = useRef<Run>(undefined)
  useEffect(() => () => run.current?.stop(), [])
  return {
    run: run.current,
    start(init: Omit<RunInit, 'onChange'>) {
      current?.stop()
      let isQueued = false
      run.current = current = new Run({
        ...init,
        onChange() {
          if (isQueued) return
          isQueued = true
          requestAnimationFrame(() => {
            isQueued = false
            draw(0)
          })
        },
      })
      draw(0)
    },
  }
}
