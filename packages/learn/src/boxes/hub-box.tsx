import { useState } from 'preact/hooks'
import { RunControls } from '../run/run-controls.tsx'
import { RunView } from '../run/run-view.tsx'
import { useRun } from '../run/use-run.ts'
import { Section } from '../section.tsx'
import { hubUrl, isStatic, newRun } from '../server.ts'
import { Rich } from '../texts/rich.tsx'
import { fill, useTexts } from '../texts/texts.ts'

/** The hub that serves this page: publish, and receive. */
export function HubBox({ number }: { readonly number: number }) {
  const texts = useTexts()
  const [topic, setTopic] = useState(() => `learn/${newRun().slice(0, 6)}`)
  const [data, setData] = useState('Hello')
  const [result, setResult] = useState('')
  const { run, start } = useRun()
  /**
   * The last event ID of an earlier run, so that the next one gets what was published meanwhile.
   */
  const [lastEventId, setLastEventId] = useState<string>()

  function begin() {
    const received = run?.lanes.flatMap(({ entries }) => entries).filter((entry) => entry.kind === 'event')
    const id = received?.at(-1)?.lastEventId ?? lastEventId
    setLastEventId(id)
    const url = new URL(hubUrl())
    url.search = String(new URLSearchParams({ match: topic, ...(id && { last_event_id: id }) }))
    start({ run: undefined, urlFor: () => url.href, isReceivedShown: true })
  }

  async function publish(event: Event) {
    event.preventDefault()
    try {
      const response = await fetch(hubUrl(), { method: 'POST', body: new URLSearchParams({ topic, data }) })
      const text = await response.text()
      setResult(fill(response.ok ? texts.hub.published : texts.hub.failed, { id: text, reason: text }))
    } catch (error) {
      setResult(fill(texts.hub.failed, { reason: String(error) }))
    }
  }

  return (
    <Section id="hub" number={number} title={texts.hub.title} lead={texts.hub.lead}>
      {isStatic ? (
        <p class="hint">
          <Rich text={texts.hub.needsHub} />
        </p>
      ) : (
        <>
          <RunControls run={run} onStart={begin} />
          <form class="box-form inline" onSubmit={publish}>
            <label class="box">
              {texts.hub.topic}
              <input type="text" required value={topic} onInput={(event) => setTopic(event.currentTarget.value)} />
            </label>
            <label class="box">
              {texts.hub.data}
              <input type="text" value={data} onInput={(event) => setData(event.currentTarget.value)} />
            </label>
            <button type="submit">{texts.hub.publish}</button>
          </form>
          <p class="hint" role="status">
            {result || texts.hub.before}
          </p>
          {run && <RunView run={run} />}
          <p class="hint">{texts.hub.curl}</p>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
          <pre class="code" tabIndex={0}>
            {`curl -d topic=${topic} -d 'data=hello from a shell' ${hubUrl().href}`}
          </pre>
        </>
      )}
    </Section>
  )
}
