import { useEffect, useMemo, useRef } from 'preact/hooks'
import { openRaw } from '../data/raw.ts'
import { useStore } from '../data/store.ts'

/** What goes over the wire, beside what it means. */
export function RawStream({ topic }: { topic: string }) {
  const raw = useMemo(() => openRaw(topic), [topic])
  useEffect(() => () => raw.close(), [raw])
  const parts = useStore(raw.parts)
  const box = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  useEffect(() => {
    if (isAtEnd.current && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [parts])
  return (
    <section class="panel raw" aria-labelledby="raw-title">
      <h2 id="raw-title">The raw stream</h2>
      <p class="quiet-text">
        A subscription of its own, byte for byte, from now on. Each event ends with an empty line; <code>id</code> is
        what the browser sends back as <code>Last-Event-ID</code> when it has to connect again. Unplug, and see.
      </p>
      <div
        class="bytes"
        ref={box}
        tabIndex={0}
        role="log"
        aria-label="Bytes of the stream"
        aria-live="off"
        onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
          isAtEnd.current = scrollHeight - scrollTop - clientHeight < 30
        }}
      >
        {parts.map(({ key, kind, text }) => (
          <pre key={key} class={kind}>
            {text}
          </pre>
        ))}
      </div>
    </section>
  )
}
