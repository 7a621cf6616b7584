import { useEffect, useState } from 'preact/hooks'
import { ComparisonView } from './boxes/comparison-view.tsx'
import { HubBox } from './boxes/hub-box.tsx'
import { ParserBox } from './boxes/parser-box.tsx'
import { UrlBox } from './boxes/url-box.tsx'
import { LessonView } from './lesson-view.tsx'
import { type LessonName, lessons } from './lessons.ts'
import { here, isStatic } from './server.ts'
import { Rich } from './texts/rich.tsx'
import { chooseLanguage, type Language, languages, TextsContext } from './texts/texts.ts'

/** The whole page. */
export function App() {
  const [language, setLanguage] = useState(() => chooseLanguage(location.search, navigator.languages))
  const { texts } = languages[language]
  useEffect(() => {
    document.documentElement.lang = language
    document.title = texts.title
  }, [language, texts])

  function speak(next: Language) {
    const url = new URL(location.href)
    url.searchParams.set('lang', next)
    history.replaceState(null, '', url)
    setLanguage(next)
  }

  const after = lessons.length
  const boxes = [
    { name: 'websocket', title: texts.websocket.title, View: ComparisonView },
    { name: 'parser', title: texts.parser.title, View: ParserBox },
    { name: 'url', title: texts.url.title, View: UrlBox },
    { name: 'hub', title: texts.hub.title, View: HubBox },
  ]
  const contents = [...lessons.map(({ name }) => ({ name, title: texts.lessons[name].title })), ...boxes]
  return (
    <TextsContext.Provider value={texts}>
      <a class="skip" href="#lessons">
        {texts.skip}
      </a>
      <header class="top">
        {isStatic ? (
          <span class="brand">Headwater</span>
        ) : (
          <a class="brand" href={new URL('..', here).href} title={texts.toHub}>
            Headwater
          </a>
        )}
        <nav class="languages" aria-label={texts.language}>
          {(Object.keys(languages) as Language[]).map((each) => (
            <a
              key={each}
              href={`?lang=${each}`}
              lang={each}
              hreflang={each}
              aria-current={each === language ? 'true' : undefined}
              onClick={(event) => {
                event.preventDefault()
                speak(each)
              }}
            >
              {languages[each].name}
            </a>
          ))}
        </nav>
      </header>
      <div class="columns">
        <section class="intro" aria-labelledby="title">
          <h1 id="title">{texts.title.replace('-', nonBreakingHyphen)}</h1>
          {texts.lead.map((paragraph) => (
            <p key={paragraph}>
              <Rich text={paragraph} />
            </p>
          ))}
          {isStatic && (
            <p class="warning">
              <Rich text={texts.staticNote} />
            </p>
          )}
          <div class="quick">
            <h2>{texts.fiveMinutes}</h2>
            <p class="quick-text">
              <Rich text={texts.fiveMinutesText} />
            </p>
            <ul>
              {quick.map((name) => (
                <li key={name}>
                  <a href={`#${name}`}>{texts.lessons[name].title.replaceAll('`', '')}</a>
                </li>
              ))}
            </ul>
          </div>
        </section>
        <nav class="contents" aria-label={texts.contents}>
          <ol>
            {contents.map(({ name, title }) => (
              <li key={name}>
                <a href={`#${name}`}>{title.replaceAll('`', '')}</a>
              </li>
            ))}
          </ol>
        </nav>
        <main id="lessons">
          {lessons.map((lesson, index) => (
            <LessonView key={lesson.name} lesson={lesson} number={index + 1} />
          ))}
          {boxes.map(({ name, View }, index) => (
            <View key={name} number={after + index + 1} />
          ))}
          <footer>
            <p>
              <a href="https://html.spec.whatwg.org/multipage/server-sent-events.html">{texts.standard}</a>
              <Rich text={texts.end} />
            </p>
          </footer>
        </main>
      </div>
    </TextsContext.Provider>
  )
}

const nonBreakingHyphen = '\u2011'

/** The lessons that show the most in the shortest time. */
const quick: readonly LessonName[] = ['receive', 'retry', 'away', 'ids', 'stop']
