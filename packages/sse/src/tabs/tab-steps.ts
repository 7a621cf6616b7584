import type { Connection, Step } from '../client/connection.ts'
import {
  advance,
  covers,
  type Entry,
  interrupted,
  type Point,
  pointOf,
  receiveState,
  type Selectors,
  type SharedState,
} from './entry.ts'
import type { Member } from './member.ts'

/** What the steps of one tab need beside the shared stream. */
export interface TabStepsOptions {
  readonly member: Member
  /** What this tab selects. */
  readonly selectors: Selectors
  /** Resolves when anything has changed since the last call, in the member or in this tab. */
  readonly changed: () => Promise<void>
  readonly signal: AbortSignal
  /** A connection of this tab alone. */
  readonly openOwn: (lastEventId: string) => Connection
  readonly onOpen: ((response: Response) => void) | undefined
  readonly onComment: ((comment: string) => void) | undefined
  /** Called when this tab changes between the shared stream and a connection of its own. */
  readonly onApart: (own: Connection | undefined) => void
  /** Called with the ID of the last step that was handed over. */
  readonly onId: (id: string) => void
  readonly wake: () => void
}

/**
 * The steps that one tab's application gets: as if it had a connection of its own. It follows the log.
 * When the log does not have the point where this tab is, it reads with a connection of its own from
 * there, until it reaches a point that the log has: no event is left out, and none comes twice.
 */
export async function* tabSteps(options: TabStepsOptions): Connection['steps'] {
  const { member, selectors, changed, signal, openOwn, onOpen, onComment, onApart, onId, wake } = options
  /** What the application was last told of the connection. */
  let shown: SharedState['kind'] | 'connecting' = 'connecting'
  let point: Point | undefined

  while (!signal.aborted) {
    if (member.isAlone) yield* readAlone(point ?? member.joinedAt)
    else if (!member.log) await changed()
    else {
      point ??= member.joinedAt
      const next = member.log.after(point, selectors)
      if (next) {
        const steps = [...becomes(next.state), ...next.entries.flatMap(stepsOf)]
        point = next.entries.at(-1) ?? next.floor
        if (steps[0]) yield steps
        // When the application comes for more, it has had these.
        onId(point.id)
        if (!steps[0]) await changed()
      } else if (point.id || !covers(member.log.selectors, selectors)) yield* readAlone(point)
      else {
        // Without an ID there is nothing to resume by, for anybody: it goes on from here, as after
        // any lost connection.
        const steps = becomes(interrupted('This tab missed part of the stream, which has no IDs'))
        point = member.log.head
        if (steps[0]) yield steps
      }
    }
  }

  async function* readAlone(from: Point): Connection['steps'] {
    const steps = becomes(interrupted('This tab missed part of the stream, and asks for it'))
    if (shown === 'open' && steps[0]) yield steps
    const own = openOwn(from.id)
    onApart(own)
    try {
      point = pointOf(from.id)
      let result: IteratorResult<Step[], void> | undefined
      const read = () =>
        void own.steps.next().then((next) => {
          result = next
          wake()
        })
      read()
      while (!signal.aborted && !isInLog(point)) {
        if (!result) {
          await changed()
          // An ID without an event.
          if (!result && own.lastEventId !== point.id) point = advance(point, own.lastEventId, false)
        } else if (result.done) return
        else {
          const batch: Step[] = []
          for (const step of result.value) {
            batch.push(step)
            if (typeof step === 'function') continue
            if ('data' in step) point = advance(point, step.lastEventId, true)
            else {
              if (step.name !== 'connecting') shown = step.name
              if (step.name === 'open') point = { ...point, after: 0 }
            }
            // The rest of the chunk is in the log, too.
            if (isInLog(point)) break
          }
          yield batch
          onId(point.id)
          result = undefined
          if (!isInLog(point)) read()
        }
      }
    } finally {
      own.close()
      onApart(undefined)
    }
  }

  function isInLog(at: Point): boolean {
    return !member.isAlone && !!member.log?.after(at, selectors)
  }

  function stepsOf({ step }: Entry): Step[] {
    if (!step) return []
    if (step.kind === 'event') {
      const { event, selectedBy } = step
      return !selectors || !selectedBy || selectedBy.some((each) => selectors.includes(each)) ? [event] : []
    }
    if (step.kind === 'comment') return onComment ? [() => onComment(step.text)] : []
    return becomes(step, true)
  }

  /** The steps to a state; none if the application knows it, unless it is another failure. */
  function becomes(state: SharedState | undefined, isNews = false): Step[] {
    if (!state || (state.kind === shown && (!isNews || state.kind === 'open'))) return []
    shown = state.kind
    if (onOpen && state.kind === 'open') {
      const { url, status, headers } = state.response
      const response = new Response(null, { status, headers: headers.map(([name, value]) => [name, value]) })
      Object.defineProperty(response, 'url', { value: url })
      queueMicrotask(() => onOpen(response))
    }
    return [receiveState(state)]
  }
}
