import type { Texts } from './texts/en.ts'

export type LessonName = keyof Texts['lessons']

/** A variant of a lesson: what the page does, and what its server does. */
export interface Choice {
  /** What the server is told; also the key of the text. */
  readonly name: string
  readonly withCredentials?: boolean
}

/** A lesson with a native object and ours at one stream. */
export interface Lesson {
  readonly name: LessonName
  /** The script that its server plays. Default: the lesson's name. */
  readonly code: string
  readonly types?: readonly string[]
  readonly choices?: readonly Choice[]
  /** Whether the stream is of the other origin. */
  readonly isCrossOrigin?: boolean
}

/** In the order of the page. */
export const lessons: readonly Lesson[] = [
  {
    name: 'receive',
    code: `const events = new EventSource('/stream')
events.onmessage = (event) => console.log(event.data)`,
  },
  {
    name: 'lines',
    code: `data: the first line
data: the second line

data:no space`,
  },
  {
    name: 'cors',
    isCrossOrigin: true,
    choices: [
      { name: 'none' },
      { name: 'any' },
      { name: 'anyWith', withCredentials: true },
      { name: 'credentials', withCredentials: true },
      { name: 'unasked' },
    ],
    code: `new EventSource('http://other.example/stream')
new EventSource('http://other.example/stream', { withCredentials: true })`,
  },
  {
    name: 'retry',
    code: `retry: 3000
data: Come back in 3 s`,
  },
  {
    name: 'away',
    code: `events.onerror = () => {
  if (events.readyState === EventSource.CONNECTING) show('connecting again…')
}`,
  },
  {
    name: 'stop',
    choices: [{ name: '204' }, { name: 'close' }],
    code: `events.close()                // from this side
HTTP/1.1 204 No Content       // from the server's`,
  },
  {
    name: 'answers',
    choices: [{ name: '500' }, { name: 'type' }, { name: '301' }, { name: '307' }],
    code: `events.onerror = () => {
  if (events.readyState === EventSource.CLOSED) setTimeout(openANewOne, 5000)
}`,
  },
  {
    name: 'ids',
    code: `data: Message 3
id: 3

GET /stream                   // after the cut
Last-Event-ID: 3`,
  },
  {
    name: 'states',
    code: `EventSource.CONNECTING // 0
EventSource.OPEN       // 1
EventSource.CLOSED     // 2`,
  },
  {
    name: 'types',
    types: ['join', 'leave'],
    code: `events.addEventListener('join', (event) => show('join: ' + event.data))
events.addEventListener('leave', (event) => show('leave: ' + event.data))
events.onmessage = (event) => show('message: ' + event.data)`,
  },
]
