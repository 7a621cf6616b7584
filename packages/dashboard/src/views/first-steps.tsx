import { useEffect } from 'preact/hooks'
import { goTo, type Place } from '../data/location.ts'
import { createStore, useStore } from '../data/store.ts'

const key = 'headwater-steps'

export type Step = 'watched' | 'published' | 'unplugged' | 'back' | 'bytes'

const steps: readonly {
  readonly step: Step
  readonly title: string
  readonly text: string
  readonly to: Partial<Place>
}[] = [
  {
    step: 'watched',
    title: 'Watch a stream',
    text: 'This machine publishes its vital signs each second.',
    to: { view: 'vitals' },
  },
  { step: 'published', title: 'Publish', text: 'An event is a topic and some text.', to: { view: 'publish' } },
  {
    step: 'unplugged',
    title: 'Break it',
    text: '“Unplug for 5 s”, above, and see what was missed follow.',
    to: { view: 'events', topic: '', from: '' },
  },
  {
    step: 'back',
    title: 'Go back',
    text: 'The slider over the events is the history.',
    to: { view: 'events', topic: '', from: 'earliest' },
  },
  {
    step: 'bytes',
    title: 'Read the bytes',
    text: 'Open an event: that is all there is to the format.',
    to: { view: 'events', topic: '', from: '' },
  },
]

const done = createStore<readonly string[]>(JSON.parse(localStorage.getItem(key) ?? '[]') as string[])

/** Notes that somebody has done one of the first steps. */
export function hasDone(step: Step | 'dismissed'): void {
  if (done.get().includes(step)) return
  done.set([...done.get(), step])
  localStorage.setItem(key, JSON.stringify(done.get()))
}

/** Notes a step when a part of the page is shown. */
export function useDone(step: Step, isDone = true): void {
  useEffect(() => {
    if (isDone) hasDone(step)
  }, [step, isDone])
}

/** For who has never heard of event streams: what to do in the first five minutes. */
export function FirstSteps() {
  const which = useStore(done)
  if (which.includes('dismissed')) return null
  return (
    <section class="panel first" aria-labelledby="first-title">
      <div class="toolbar">
        <h2 id="first-title">New here? Five minutes with a live stream</h2>
        <span class="spread" />
        <button type="button" class="quiet" onClick={() => hasDone('dismissed')}>
          Dismiss
        </button>
      </div>
      <ol>
        {steps.map(({ step, title, text, to }, index) => (
          <li key={step} data-done={which.includes(step)}>
            <button type="button" onClick={() => goTo(to)}>
              <span class="number" aria-hidden="true">
                {which.includes(step) ? '✓' : index + 1}
              </span>
              <span>
                <strong>{title}</strong>
                {which.includes(step) && <span class="hidden"> (done)</span>}
                <span class="quiet-text">{text}</span>
              </span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  )
}
