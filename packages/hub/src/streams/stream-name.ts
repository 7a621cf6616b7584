import { HubError } from '../base/errors.ts'
import { forbiddenCharacter } from '../matching/visible-text.ts'

/** The longest name of a stream, in bytes of UTF-8: it is part of the ID of each of its events. */
const maxNameBytes = 256

/** Throws `INVALID_STREAM_NAME` for what cannot be the name of a stream. */
export function assertStreamName(name: unknown): asserts name is string {
  const refuse = (why: string) => {
    throw new HubError('INVALID_STREAM_NAME', `The name of a stream ${why}`)
  }
  if (typeof name !== 'string') return refuse(`is ${String(name)}: it must be text, such as 'chat/7'.`)
  if (name === '') return refuse('is empty. Use one that nobody else uses, such as one with a random UUID.')
  const shown = JSON.stringify(name.slice(0, 80))
  if (name === '*' || name === '.' || name === '..')
    return refuse(`is ${shown}, which means something else. Choose another.`)
  const bytes = Buffer.byteLength(name)
  if (bytes > maxNameBytes) return refuse(`has ${bytes} bytes (${shown}…); the most is ${maxNameBytes}.`)
  const forbidden = forbiddenCharacter(name)
  if (forbidden !== undefined) refuse(`is ${shown}, with the control or format character ${forbidden}. Remove it.`)
}

/** The topics of the streams of a hub. They are below its path, where only the hub may publish. */
export class StreamTopics {
  /** The topic of the beginnings and ends of all streams. */
  readonly registry: string

  /** `path` is that of the hub. */
  constructor(path: string) {
    this.registry = `${path}/headwater/v1/streams`
  }

  /** The topic of one stream. */
  of(name: string): string {
    return `${this.registry}/${encodeURIComponent(name)}`
  }

  /** The name of the stream whose topic this is; `undefined` if it is none. */
  nameOf(topic: string | undefined): string | undefined {
    if (!topic?.startsWith(`${this.registry}/`)) return undefined
    return decodeURIComponent(topic.slice(this.registry.length + 1))
  }
}
