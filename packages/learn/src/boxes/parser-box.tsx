import { createParser } from '@headwater/sse'
import { useState } from 'preact/hooks'
import { explainStream } from '../explain-stream.ts'
import { Visible } from '../run/visible.tsx'
import { Section } from '../section.tsx'
import { Rich } from '../texts/rich.tsx'
import { fill, useTexts } from '../texts/texts.ts'

/**
 * A box for the text of an event stream: what a parser makes of each line, and the events that come
 * out of ours.
 */
export function ParserBox({ number }: { readonly number: number }) {
  const { parser: texts } = useTexts()
  const [text, setText] = useState<string>(examples.lines.text)
  const [readsEscapes, setReadsEscapes] = useState(false)
  const stream = readsEscapes ? withCharacters(text) : text
  const { lines, hasBom, isIncomplete, lastEventId, retryMs } = explainStream(stream)
  const events = eventsOf(stream)
  return (
    <Section id="parser" number={number} title={texts.title} lead={texts.lead}>
      <fieldset class="chips" aria-label={texts.examples}>
        {(Object.keys(examples) as (keyof typeof examples)[]).map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={text === examples[name].text}
            onClick={() => {
              setText(examples[name].text)
              setReadsEscapes(examples[name].readsEscapes)
            }}
          >
            {texts.exampleNames[name]}
          </button>
        ))}
      </fieldset>
      <label class="box">
        {texts.label}
        <textarea
          rows={Math.min(14, Math.max(6, text.split('\n').length + 1))}
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <label class="check">
        <input
          type="checkbox"
          checked={readsEscapes}
          onChange={(event) => setReadsEscapes(event.currentTarget.checked)}
        />
        <span>
          <Rich text={texts.escapes} />
        </span>
      </label>
      {hasBom && <p class="hint">{texts.bom}</p>}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <section class="scrolling" tabIndex={0} aria-label={texts.title}>
        <table class="explained">
          <thead>
            <tr>
              {texts.columns.map((column) => (
                <th key={column} scope="col">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {lines.map(({ text: line, ending, field, value, effect }, index) => (
              <tr key={index} data-effect={effect}>
                <td>
                  <pre>
                    <Visible text={line + ending} />
                  </pre>
                </td>
                <td>{field !== undefined && <code>{field}</code>}</td>
                <td>
                  {value !== undefined && (
                    <code>
                      <Visible text={value} />
                    </code>
                  )}
                </td>
                <td>{texts.effects[effect]}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {isIncomplete && <p class="warning">{texts.incomplete}</p>}
      <p class="hint">
        {fill(texts.state, {
          id: lastEventId === '' ? texts.none : JSON.stringify(lastEventId),
          retry: retryMs === undefined ? texts.unset : `${retryMs} ms`,
        })}
      </p>
      <h3>{texts.events}</h3>
      <ol class="events" aria-live="polite">
        {events.map((event, index) => (
          <li key={index}>
            <code>{JSON.stringify(event)}</code>
          </li>
        ))}
      </ol>
      {events.length === 0 && <p class="hint">{texts.noEvents}</p>}
    </Section>
  )
}

/** What an `EventSource` would dispatch, from the parser that ours has. */
function eventsOf(stream: string): { type: string; data: string; lastEventId: string }[] {
  let lastEventId = ''
  const shown: { type: string; data: string; lastEventId: string }[] = []
  const parser = createParser({
    onId: (id) => {
      lastEventId = id
    },
    onEvent: ({ type = 'message', data }) => shown.push({ type, data, lastEventId }),
  })
  parser.feed(stream)
  return shown
}

function withCharacters(text: string): string {
  return text.replace(/\\(r|n|0|uFEFF)/gi, (_, name: string) => characters[name.toLowerCase()] ?? '')
}

const characters: Readonly<Record<string, string>> = { r: '\r', n: '\n', 0: '\0', ufeff: '\ufeff' }

const example = (text: string, readsEscapes = false) => ({ text, readsEscapes })

const examples = {
  lines: example('event: join\ndata: Bob\ndata: from Seoul\nid: 7\n\n'),
  spaces: example('data:none\ndata: one\ndata:  two\ndata : before the colon\ndata\n\n'),
  ids: example('data: a\nid: 1\n\nid: 2\n\ndata: b\n\nid\ndata: c\n\nid: 3\\0\ndata: d\n\n', true),
  retry: example('retry: 3000\nretry: 3 s\nretry: -1\nretry: 1e3\ndata: 3000 it is\n\n'),
  unknown: example(': a comment\nDATA: upper case\ndata Bob\nfoo: bar\nevent: join\n\ndata: not a join\n\n'),
  unfinished: example('data: whole\n\ndata: a blank line is missing\nid: 9\n'),
  breaks: example('data: LF\\n\\ndata: CR\\r\\rdata: CRLF\\r\\n\\r\\ndata: mixed\\n\\r', true),
  bom: example('\\uFEFFdata: the first mark is dropped\n\n\\uFEFFdata: the second is part of a name\n\n', true),
}
