import { useState } from 'preact/hooks'
import { CloseButton } from '../run/run-controls.tsx'
import { RunView } from '../run/run-view.tsx'
import { useRun } from '../run/use-run.ts'
import { Section } from '../section.tsx'
import { here, hubUrl, isStatic } from '../server.ts'
import { fill, useTexts } from '../texts/texts.ts'

/** A box for the URL of any event stream. */
export function UrlBox({ number }: { readonly number: number }) {
  const texts = useTexts()
  const [url, setUrl] = useState(() =>
    isStatic ? new URL('streams/receive?run=url&client=url', here).href : `${hubUrl().href}?match=vitals`,
  )
  const [types, setTypes] = useState(isStatic ? '' : 'vitals')
  const [withCredentials, setWithCredentials] = useState(false)
  const [refusal, setRefusal] = useState<string>()
  const { run, start } = useRun()

  function connect(event: Event) {
    event.preventDefault()
    const refused = refuseUrl(url)
    setRefusal(refused)
    if (refused !== undefined) return
    const wanted = types.split(/[\s,]+/).filter((type) => type !== '')
    start({ run: undefined, urlFor: () => url.trim(), withCredentials, types: wanted, isReceivedShown: true })
  }

  return (
    <Section id="url" number={number} title={texts.url.title} lead={texts.url.lead}>
      <form class="box-form" onSubmit={connect}>
        <label class="box">
          {texts.url.label}
          <input
            type="text"
            inputMode="url"
            spellcheck={false}
            autocomplete="off"
            value={url}
            onInput={(event) => setUrl(event.currentTarget.value)}
          />
        </label>
        <label class="box">
          {texts.url.types}
          <input
            type="text"
            spellcheck={false}
            autocomplete="off"
            placeholder="join, leave"
            value={types}
            onInput={(event) => setTypes(event.currentTarget.value)}
          />
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={withCredentials}
            onChange={(event) => setWithCredentials(event.currentTarget.checked)}
          />
          <span>{texts.url.credentials}</span>
        </label>
        <div class="controls">
          <button type="submit" class="primary">
            {texts.url.open}
          </button>
          <CloseButton run={run} />
        </div>
      </form>
      {refusal !== undefined && <p role="alert">{fill(texts.url.refused, { reason: refusal })}</p>}
      {run ? <RunView run={run} /> : <p class="hint">{texts.url.before}</p>}
      <ul class="notes">
        {texts.url.help.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </Section>
  )
}

/** Why nothing can be connected to a URL, as far as can be told beforehand. */
function refuseUrl(text: string): string | undefined {
  if (!URL.canParse(text, here)) return JSON.stringify(text)
  const { protocol, username } = new URL(text, here)
  if (!/^https?:$/.test(protocol)) return protocol
  return username === '' ? undefined : 'user:password@'
}
