import { useState } from 'preact/hooks'
import { publish } from '../data/hub.ts'
import { goTo, place } from '../data/location.ts'
import { publishWithCurl, publishWithScript } from '../data/snippets.ts'
import { useStore } from '../data/store.ts'
import { Copy } from '../parts/copy.tsx'
import { hasDone } from './first-steps.tsx'

interface Draft {
  readonly topic: string
  readonly type: string
  readonly data: string
  readonly private: boolean
  readonly id: string
  readonly retry: string
}

interface Outcome {
  readonly id?: string
  readonly problem?: string
}

/** Publishes like any other program, and says how a program would. */
export function PublishView() {
  const { topic } = useStore(place)
  const [draft, setDraft] = useState<Draft>({
    topic: topic === '' || /[*{]/.test(topic) ? 'log' : topic,
    type: '',
    data: 'Hello from the page',
    private: false,
    id: '',
    retry: '',
  })
  const [outcome, setOutcome] = useState<Outcome>({})
  const [isSending, setSending] = useState(false)
  const [language, setLanguage] = useState<'curl' | 'JavaScript'>('curl')
  const fields = fieldsOf(draft)
  const snippet = language === 'curl' ? publishWithCurl(fields) : publishWithScript(fields)
  const change = (name: keyof Draft) => (event: { currentTarget: HTMLInputElement | HTMLTextAreaElement }) =>
    setDraft({ ...draft, [name]: event.currentTarget.value })

  async function send(event: Event): Promise<void> {
    event.preventDefault()
    setSending(true)
    try {
      const id = await publish(new URLSearchParams(fields.map(([name, value]) => [name, value])))
      setOutcome({ id })
      hasDone('published')
    } catch (error) {
      const said = error instanceof Error ? error.message : String(error)
      setOutcome({
        problem:
          error instanceof TypeError ? `The hub did not answer (${said}). Your text is still here: try again.` : said,
      })
    } finally {
      setSending(false)
    }
  }

  return (
    <div class="view">
      <h1>Publish</h1>
      <div class="halves">
        <form class="panel publish" onSubmit={send}>
          <label>
            Topic
            <input
              name="topic"
              value={draft.topic}
              required
              autocomplete="off"
              spellcheck={false}
              onInput={change('topic')}
            />
            <span class="hint">Who is subscribed to it receives the event.</span>
          </label>
          <label>
            Type
            <input
              name="type"
              value={draft.type}
              placeholder="message"
              autocomplete="off"
              spellcheck={false}
              onInput={change('type')}
            />
            <span class="hint">
              <code>addEventListener(type, …)</code> in the browser.
            </span>
          </label>
          <label class="wide">
            Data
            <textarea name="data" rows={6} spellcheck={false} value={draft.data} onInput={change('data')} />
          </label>
          <label>
            ID
            <input
              name="id"
              value={draft.id}
              placeholder="the hub's own"
              autocomplete="off"
              spellcheck={false}
              onInput={change('id')}
            />
            <span class="hint">Yours, if you have one. Subscribers can resume from it.</span>
          </label>
          <label>
            Retry
            <input
              name="retry"
              value={draft.retry}
              placeholder="not set"
              inputMode="numeric"
              pattern="\d*"
              autocomplete="off"
              onInput={change('retry')}
            />
            <span class="hint">Milliseconds that subscribers wait before they connect again.</span>
          </label>
          <label class="check wide">
            <input
              name="private"
              type="checkbox"
              checked={draft.private}
              onChange={(event) => setDraft({ ...draft, private: event.currentTarget.checked })}
            />
            Private: only for subscribers whose token grants the topic
          </label>
          <div class="actions wide">
            <button type="submit" class="primary" disabled={isSending}>
              Publish
            </button>
            <p
              id="publish-result"
              role="status"
              data-outcome={outcome.id ? 'published' : outcome.problem ? 'failed' : ''}
            >
              {outcome.id && (
                <>
                  Stored as <code>{outcome.id}</code>{' '}
                  <button
                    type="button"
                    class="link"
                    onClick={() => goTo({ view: 'events', topic: draft.topic, from: '' })}
                  >
                    Show it
                  </button>
                </>
              )}
              {outcome.problem}
            </p>
          </div>
        </form>
        <section class="panel" aria-labelledby="snippet-title">
          <div class="toolbar">
            <h2 id="snippet-title">The same from elsewhere</h2>
            <span class="spread" />
            <fieldset class="segments" aria-label="Language">
              {(['curl', 'JavaScript'] as const).map((each) => (
                <button key={each} type="button" aria-pressed={each === language} onClick={() => setLanguage(each)}>
                  {each}
                </button>
              ))}
            </fieldset>
          </div>
          <pre class="snippet" tabIndex={0}>
            {snippet}
          </pre>
          <div class="actions">
            <Copy text={snippet}>Copy</Copy>
          </div>
          <p class="quiet-text">
            From a shell, line by line: <code>tail -f app.log | npx headwater publish -t {draft.topic || 'log'}</code>
          </p>
        </section>
      </div>
    </div>
  )
}

function fieldsOf(draft: Draft): readonly (readonly [string, string])[] {
  const { topic, type, data, id, retry } = draft
  return [
    ['topic', topic],
    ['data', data],
    ...(type === '' ? [] : [['type', type] as const]),
    ...(draft.private ? [['private', 'on'] as const] : []),
    ...(id === '' ? [] : [['id', id] as const]),
    ...(retry === '' ? [] : [['retry', retry] as const]),
  ]
}
