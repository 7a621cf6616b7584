/** The parts of an event that the list shows. */
export interface ListedEvent {
  type: string
  data: string
  lastEventId: string
}

type NoteKind = 'lost' | 'back' | 'gap' | 'failed'

/**
 * Older rows leave the page, not the hub's history: a tab that stays open for a week must stay
 * light.
 */
const MAX_ROWS = 500

/**
 * The live list: newest first, with event types that can be switched off, a pause that holds events
 * back without losing any, and notes where the connection was lost and restored.
 */
export class EventList {
  readonly #list = element('events')
  readonly #empty = element('empty')
  readonly #types = element('types')
  readonly #pause = element('pause')
  readonly #counts = new Map<string, { shown: boolean; count: number; button: HTMLElement }>()
  #arrived: HTMLElement[] = []
  #frameRequested = false
  #paused = false

  constructor() {
    this.#pause.addEventListener('click', () => {
      this.#paused = !this.#paused
      this.#pause.setAttribute('aria-pressed', String(this.#paused))
      this.#schedule()
    })
    element('clear').addEventListener('click', () => {
      this.#list.replaceChildren()
      this.#arrived = []
      this.#schedule()
    })
  }

  add(event: ListedEvent): void {
    const type = this.#count(event.type)
    const row = document.createElement('li')
    row.dataset.type = event.type
    row.hidden = !type.shown
    row.title = `id: ${event.lastEventId}`
    row.append(clock(), span('type', event.type), dataView(event.data))
    this.#append(row)
  }

  /** Adds a line about the connection between the events. */
  note(kind: NoteKind, text: string): void {
    const row = document.createElement('li')
    row.className = 'note'
    row.dataset.kind = kind
    row.append(clock(), span('text', text))
    this.#append(row)
  }

  #append(row: HTMLElement): void {
    this.#arrived.push(row)
    if (this.#arrived.length > MAX_ROWS) this.#arrived.shift()
    this.#schedule()
  }

  /** Updates the page once per frame, however many events arrive: a replay may bring thousands. */
  #schedule(): void {
    if (this.#frameRequested) return
    this.#frameRequested = true
    // A hidden tab gets no animation frames, and must not collect rows for hours.
    if (document.hidden) setTimeout(() => this.#show(), 250)
    else requestAnimationFrame(() => this.#show())
  }

  #show(): void {
    this.#frameRequested = false
    for (const { count, button } of this.#counts.values()) {
      const shown = button.querySelector('.count')
      if (shown) shown.textContent = String(count)
    }
    this.#pause.textContent = this.#paused && this.#arrived.length > 0 ? `Resume (${this.#arrived.length})` : 'Pause'
    if (this.#paused) return
    const fresh = this.#arrived.reverse()
    this.#arrived = []
    for (const row of fresh) row.classList.toggle('fresh', fresh.length < 20)
    this.#list.prepend(...fresh)
    while (this.#list.childElementCount > MAX_ROWS) this.#list.lastElementChild?.remove()
    this.#empty.hidden = this.#list.childElementCount > 0
  }

  #count(type: string): { shown: boolean; count: number } {
    const known = this.#counts.get(type)
    if (known) {
      known.count += 1
      return known
    }
    const button = document.createElement('button')
    button.type = 'button'
    button.setAttribute('aria-pressed', 'true')
    button.append(type, span('count', '1'))
    const entry = { shown: true, count: 1, button }
    button.addEventListener('click', () => {
      entry.shown = !entry.shown
      button.setAttribute('aria-pressed', String(entry.shown))
      for (const row of [...this.#list.children, ...this.#arrived] as HTMLElement[]) {
        if (row.dataset.type === type) row.hidden = !entry.shown
      }
    })
    this.#types.append(button)
    this.#counts.set(type, entry)
    return entry
  }
}

/** Shows a flat JSON object as a line of names and values, everything else unchanged. */
function dataView(data: string): HTMLElement {
  const view = span('data', '')
  const fields = flatObject(data)
  if (!fields) {
    view.textContent = data
    return view
  }
  for (const [name, value] of Object.entries(fields)) {
    if (view.childNodes.length > 0) view.append('  ')
    view.append(span('name', `${name} `), typeof value === 'number' ? readable(value) : String(value))
  }
  return view
}

function flatObject(data: string): Record<string, unknown> | undefined {
  if (!data.startsWith('{') || data.length > 2000) return undefined
  try {
    const value = JSON.parse(data) as Record<string, unknown>
    const isFlat = Object.values(value).every((field) => field === null || typeof field !== 'object')
    return isFlat ? value : undefined
  } catch {
    // Text that only looks like JSON is shown as text.
    return undefined
  }
}

const readable = (value: number) => (Number.isInteger(value) ? String(value) : value.toFixed(2))

function clock(): HTMLElement {
  const time = document.createElement('time')
  const now = new Date()
  time.dateTime = now.toISOString()
  time.textContent = now.toTimeString().slice(0, 8)
  return time
}

function span(className: string, text: string): HTMLElement {
  const node = document.createElement('span')
  node.className = className
  node.textContent = text
  return node
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (!found) throw new Error(`The page has no element #${id}: index.html and the scripts are from different builds.`)
  return found
}
