import { useEffect, useRef } from 'preact/hooks'
import { forgetToken, readToken, saveToken } from '../data/token.ts'

export function TokenDialog({ onClose, onChange }: { onClose: () => void; onChange: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const field = useRef<HTMLTextAreaElement>(null)
  useEffect(() => {
    dialog.current!.showModal()
    field.current!.focus()
  }, [])
  return (
    <dialog ref={dialog} aria-labelledby="token-title" onClose={onClose}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault()
          saveToken(field.current!.value)
          onChange()
        }}
      >
        <h2 id="token-title">Token</h2>
        <p>
          Sent with every request of this tab, as <code>Authorization: Bearer</code>. It is kept until the tab is
          closed, and is in no URL.
        </p>
        <label>
          The token
          <textarea ref={field} rows={5} spellcheck={false} autocomplete="off" defaultValue={readToken()} />
        </label>
        <p class="quiet-text">
          With <code>--dev</code> none is needed. Otherwise:{' '}
          <code>headwater token --observe --subscribe '*' --publish '*' …</code>
        </p>
        <div class="actions">
          <button type="submit" class="primary">
            Use it
          </button>
          {readToken() !== '' && (
            <button
              type="button"
              onClick={() => {
                forgetToken()
                onChange()
              }}
            >
              Forget it
            </button>
          )}
          <button type="button" class="quiet" onClick={onClose}>
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  )
}
