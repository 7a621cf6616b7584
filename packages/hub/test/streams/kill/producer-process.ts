// A producer in a process of its own, for several streams of a hub elsewhere.
import { connectStream } from '../../../src/streams/connect-stream.ts'
import { produce } from './produce.ts'
import { readArguments, type Script } from './script.ts'

const { script, names, url } = readArguments<{ script: Script; names: string[]; url: string }>()
await Promise.all(names.map((name) => produce(name, script, () => connectStream(`${url}/${encodeURIComponent(name)}`))))
