import { useState } from 'preact/hooks'
import { Section } from '../section.tsx'
import { isStatic } from '../server.ts'
import { Rich } from '../texts/rich.tsx'
import { fill, useTexts } from '../texts/texts.ts'
import { type RowName, type RowResult, rows } from './comparison.ts'

/** Server-Sent Events and WebSocket, each row tried on this server. */
export function ComparisonView({ number }: { readonly number: number }) {
  const texts = useTexts()
  const { websocket } = texts
  const [results, setResults] = useState<Partial<Record<RowName, RowResult | string>>>({})
  const names = Object.keys(websocket.rows) as RowName[]

  async function tryRow(name: RowName) {
    const set = (result: RowResult | string) => setResults((before) => ({ ...before, [name]: result }))
    set(websocket.trying)
    try {
      set(await rows[name](websocket.results))
    } catch (error) {
      set(fill(websocket.failed, { reason: error instanceof Error ? error.message : String(error) }))
    }
  }

  async function tryAll() {
    for (const name of names) await tryRow(name)
  }

  const [sse, webSocket] = websocket.columns
  return (
    <Section id="websocket" number={number} title={websocket.title} lead={websocket.lead}>
      {isStatic ? (
        <p class="hint">
          <Rich text={texts.hub.needsHub} />
        </p>
      ) : (
        <>
          <div class="controls">
            <button type="button" class="primary" onClick={tryAll}>
              {websocket.tryAll}
            </button>
          </div>
          <table class="comparison">
            <thead>
              <tr>
                <td />
                <th scope="col">{sse}</th>
                <th scope="col">{webSocket}</th>
              </tr>
            </thead>
            <tbody>
              {names.map((name) => {
                const result = results[name]
                return (
                  <tr key={name} data-row={name} data-tried={typeof result === 'object'}>
                    <th scope="row">
                      {websocket.rows[name]}
                      <button
                        type="button"
                        aria-label={`${websocket.tryRow}: ${websocket.rows[name]}`}
                        onClick={() => tryRow(name)}
                      >
                        {websocket.tryRow}
                      </button>
                    </th>
                    {typeof result === 'object' ? (
                      <>
                        <td data-label={sse}>
                          <Rich text={result.sse} />
                        </td>
                        <td data-label={webSocket}>
                          <Rich text={result.webSocket} />
                        </td>
                      </>
                    ) : (
                      <td colSpan={2} class="untried">
                        {result ?? websocket.untried}
                      </td>
                    )}
                  </tr>
                )
              })}
            </tbody>
          </table>
        </>
      )}
    </Section>
  )
}
