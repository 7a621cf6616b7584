import { useState } from 'preact/hooks'
import type { Lesson } from './lessons.ts'
import { RunControls } from './run/run-controls.tsx'
import { RunView } from './run/run-view.tsx'
import { useRun } from './run/use-run.ts'
import { scriptSource } from './script-source.ts'
import { Section } from './section.tsx'
import { isStatic, newRun, otherOrigin, streamUrl } from './server.ts'
import { Rich } from './texts/rich.tsx'
import { useTexts } from './texts/texts.ts'

/** A lesson with a stream: what it is about, what to look at, and its run. */
export function LessonView({ lesson, number }: { readonly lesson: Lesson; readonly number: number }) {
  const texts = useTexts()
  const { name, code, types, choices, isCrossOrigin = false } = lesson
  const text = texts.lessons[name]
  const [chosen, choose] = useState(choices?.[0])
  const { run, start } = useRun()
  const isImpossible = isCrossOrigin && !otherOrigin

  async function begin() {
    if (isCrossOrigin && otherOrigin) await askForCookie(otherOrigin)
    const id = newRun()
    // `anyWith`: the server is the one of `any`, the page asks with credentials.
    const choice = chosen?.name === 'anyWith' ? 'any' : chosen?.name
    start({
      run: id,
      urlFor: (client) =>
        streamUrl({ stream: name, run: id, client, choice, base: isCrossOrigin ? otherOrigin : undefined }),
      withCredentials: chosen?.withCredentials,
      types,
    })
  }

  return (
    <Section id={name} number={number} title={text.title} lead={text.lead}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
      <pre class="code" tabIndex={0}>
        {code}
      </pre>
      {choices && (
        <fieldset class="choices">
          <legend>{texts.choose}</legend>
          {choices.map((choice) => (
            <label key={choice.name}>
              <input
                type="radio"
                name={name}
                checked={choice === chosen}
                onChange={() => {
                  choose(choice)
                  run?.stop()
                }}
              />
              <span>
                <Rich text={(text.choices as Record<string, string>)[choice.name] ?? choice.name} />
              </span>
            </label>
          ))}
        </fieldset>
      )}
      {isImpossible ? (
        <p class="hint">{isStatic ? texts.needsHub : texts.needsOtherName}</p>
      ) : (
        <RunControls run={run} onStart={begin} />
      )}
      {run ? (
        <RunView run={run} />
      ) : (
        <p class="hint">
          <Rich text={text.before} />
        </p>
      )}
      <details class="watch" open={run !== undefined}>
        <summary>{texts.whatToSee}</summary>
        <ul>
          {text.see.map((point) => (
            <li key={point}>
              <Rich text={point} />
            </li>
          ))}
        </ul>
      </details>
      <details class="script">
        <summary>{texts.script}</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls */}
        <pre class="code" tabIndex={0}>
          {scripts(lesson).map(scriptSource).join('\n\n')}
        </pre>
      </details>
    </Section>
  )
}

/** The streams of a lesson: redirects lead from one to another. */
function scripts({ name }: Lesson): string[] {
  return name === 'answers' ? [name, 'moved'] : [name]
}

/**
 * The other origin sets a cookie in answer to a request with credentials, if the browser lets it.
 */
async function askForCookie(origin: URL): Promise<void> {
  // Without it the lesson shows that there is none.
  await fetch(new URL('cookie', origin), { credentials: 'include' }).catch(() => undefined)
}
