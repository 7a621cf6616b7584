import { SseError } from '../protocol/errors.ts'
import { namesOf, refuseUnknownName } from '../server/names.ts'
import { Control, checkTime, encodeTestEvent, type Step } from './steps.ts'
import type { TestRequest } from './test-request.ts'

/**
 * What a scripted server answers: a list with one answer for each request, in order; or a function
 * that is called for each request. A request beyond the list is answered 501, at which an
 * `EventSource` gives up, and whose body says so.
 */
export type Script = readonly (Answer | AnswerFunction)[] | AnswerFunction

/** Chooses the answer to one request. If it throws, the request is answered 501 with the error as its body. */
export type AnswerFunction = (request: TestRequest) => Answer | Promise<Answer>

/**
 * One answer: steps are a response 200 `text/event-stream`, which stays open at the end of its steps;
 * an object is any response; `noResponse()` is none.
 */
export type Answer = readonly Step[] | ResponseAnswer | Control

/** A response other than a plain event stream. */
export interface ResponseAnswer {
  /** Default 200. */
  status?: number | undefined
  /** Default: `content-type: text/event-stream` with 200, and `text/plain` with any other status. */
  headers?: Readonly<Record<string, string>> | undefined
  /** The milliseconds before the response begins; `Infinity`: it never does. Default 0. */
  delayMs?: number | undefined
  /** A whole body. Then the response ends. */
  body?: string | undefined
  /**
   * Steps instead of a body. After them, a response of status 200 stays open, and any other ends.
   */
  steps?: readonly Step[] | undefined
}

/** An answer after its checks. */
export interface CheckedAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly delayMs: number
  readonly steps: readonly Step[]
  /** Whether the response ends after its steps. */
  readonly ends: boolean
  /** Whether there is no response at all. */
  readonly isNone: boolean
}

/**
 * Checks a whole script, and returns the answer to each request.
 *
 * @throws {SseError} for the first mistake, with its place.
 */
export function readScript(script: Script): (request: TestRequest) => Promise<CheckedAnswer> {
  if (typeof script === 'function') return (request) => ask(script, request, `The answer to request ${request.number}`)
  if (!Array.isArray(script)) {
    throw new SseError(
      'INVALID_OPTION',
      `The script is ${show(script)}: it must be a list of answers, one for each request, or a function.`,
    )
  }
  const answers = script.map((answer, index) => {
    const place = `Answer ${index + 1} of the script`
    return typeof answer === 'function' ? { answer, place } : checkAnswer(answer, place)
  })
  return async (request) => {
    const next = answers[request.number - 1]
    if (!next) return unscripted(script.length, request)
    return 'place' in next ? ask(next.answer, request, next.place) : next
  }
}

/** An answer that sends the client elsewhere, by default with 307. The next answer answers that. */
export function redirect(location: string | URL, status = 307): ResponseAnswer {
  return { status, headers: { location: `${location}` } }
}

/** An answer that never comes: the connection breaks off before any response. */
export function noResponse(): Control {
  return new Control('cut')
}

/** Calls a function of the script. What it throws, or a wrong answer of it, is the body of a 501. */
async function ask(answer: AnswerFunction, request: TestRequest, place: string): Promise<CheckedAnswer> {
  try {
    return checkAnswer(await answer(request), place)
  } catch (error) {
    return checkAnswer({ status: 501, body: `The script failed at request ${request.number}: ${error}` }, place)
  }
}

/** Refused for good by every client, so that the test sees it. */
function unscripted(count: number, { number, method, url }: TestRequest): CheckedAnswer {
  const body = `The script has ${count} answer${count === 1 ? '' : 's'}; this is request ${number}: ${method} ${url}`
  return checkAnswer({ status: 501, body }, '')
}

function checkAnswer(answer: Answer, place: string): CheckedAnswer {
  if (answer instanceof Control) {
    if (answer.kind !== 'cut') throw new SseError('INVALID_OPTION', `${place} is a step. Put it into a list: [ … ].`)
    return { status: 0, headers: {}, delayMs: 0, steps: [], ends: false, isNone: true }
  }
  if (Array.isArray(answer)) return checkAnswer({ steps: answer }, place)
  if (Object(answer) !== answer || typeof answer === 'function' || answer instanceof Uint8Array) {
    throw new SseError('INVALID_OPTION', `${place} is ${show(answer)}: it must be a list of steps or a response.`)
  }
  if ('data' in answer) throw new SseError('INVALID_OPTION', `${place} is an event. Put it into a list: [{ data: … }].`)
  refuseUnknownName(place, answer, answerNames)
  const { status = 200, headers = {}, delayMs = 0, body, steps = [] } = answer as ResponseAnswer
  if (!Number.isInteger(status) || status < 200 || status > 599)
    throw new SseError('INVALID_OPTION', `${place} has the status ${status}: a number from 200 to 599.`)
  checkTime(`delayMs of ${place.toLowerCase()}`, delayMs)
  if (body !== undefined && (typeof body !== 'string' || Object.hasOwn(answer, 'steps')))
    throw new SseError('INVALID_OPTION', `${place} has a body of ${show(body)}: a string, and no steps beside it.`)
  checkSteps(steps, place)
  if (emptyStatuses.has(status) && (body || steps.length > 0))
    throw new SseError('INVALID_OPTION', `${place} has the status ${status}, which has no body.`)
  const type = status === 200 ? 'text/event-stream' : 'text/plain'
  return {
    status,
    headers: { ...(!emptyStatuses.has(status) && { 'content-type': type }), ...lowerCase(headers) },
    delayMs,
    steps: body === undefined ? steps : [body],
    ends: status !== 200 || body !== undefined,
    isNone: false,
  }
}

const emptyStatuses: ReadonlySet<number> = new Set([204, 205, 304])
const answerNames = namesOf<ResponseAnswer>({ status: true, headers: true, delayMs: true, body: true, steps: true })

/** Checks steps now, so that a mistake is thrown where it was written, not in a response. */
export function checkSteps(steps: readonly Step[], place: string): void {
  if (!Array.isArray(steps)) throw new SseError('INVALID_OPTION', `${place} has no list of steps, but ${show(steps)}.`)
  let last: Control | undefined
  for (const [index, step] of steps.entries()) {
    const where = `${place}, step ${index + 1}`
    if (last) throw new SseError('INVALID_OPTION', `${where} never runs: ${last.kind}() stands before it.`)
    if (typeof step === 'string' || step instanceof Uint8Array) continue
    if (step instanceof Control) {
      if (['cut', 'end', 'stall'].includes(step.kind)) last = step
      continue
    }
    if (typeof step === 'function') {
      const name = (step as { name: string }).name
      throw new SseError('INVALID_OPTION', `${where} is the function ${name}. Did you mean ${name}()?`)
    }
    try {
      encodeTestEvent(step)
    } catch (error) {
      if (error instanceof SseError) throw new SseError(error.code, `${where}: ${error.message}`, { cause: error })
      throw error
    }
  }
}

function lowerCase(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  return Object(value) === value ? 'an object' : String(value)
}
