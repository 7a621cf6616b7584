import { useTexts } from '../texts/texts.ts'
import type { Run } from './run.ts'

/** Calls `close()` of what a run has opened. */
export function CloseButton({ run }: { readonly run: Run | undefined }) {
  return (
    <button type="button" disabled={!run?.isOpen} onClick={() => run?.close()}>
      <code>close()</code>
    </button>
  )
}

/** Starts a run, or the next one, and closes it. */
export function RunControls({ run, onStart }: { readonly run: Run | undefined; readonly onStart: () => void }) {
  const texts = useTexts()
  return (
    <div class="controls">
      <button type="button" class="primary" onClick={onStart}>
        {run ? texts.again : texts.start}
      </button>
      <CloseButton run={run} />
    </div>
  )
}
