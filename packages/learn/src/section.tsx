import type { ComponentChildren } from 'preact'
import { Rich } from './texts/rich.tsx'

interface SectionProps {
  /** The anchor of the section. */
  readonly id: string
  readonly number: number
  readonly title: string
  /** The first paragraphs. */
  readonly lead: readonly string[]
  readonly children: ComponentChildren
}

/** A part of the page: its number, its title, what it is about, and what there is to try. */
export function Section({ id, number, title, lead, children }: SectionProps) {
  return (
    <section class="lesson" id={id} aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>
        <span class="number">{number}</span> <Rich text={title} />
      </h2>
      {lead.map((paragraph) => (
        <p key={paragraph}>
          <Rich text={paragraph} />
        </p>
      ))}
      {children}
    </section>
  )
}
