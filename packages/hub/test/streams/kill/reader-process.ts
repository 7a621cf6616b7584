// A reader of many streams, which keeps what it was sent in files, a line each, and goes on from there when it
// is started again.
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { events } from '@headwater/sse/client'
import { readArguments } from './script.ts'

const { names, url, directory } = readArguments<{ names: string[]; url: string; directory: string }>()
await Promise.all(names.map(read))
console.log('all')

async function read(name: string): Promise<void> {
  const path = join(directory, encodeURIComponent(name))
  const kept = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const whole = kept.slice(0, kept.lastIndexOf('\n') + 1)
  // The line that was being written when it was killed.
  if (whole.length < kept.length) truncateSync(path, Buffer.byteLength(whole))
  const lines = whole.split('\n').filter((line) => line !== '')
  if (lines.at(-1) === '["end"]') return
  const lastEventId = lines.length > 0 ? (JSON.parse(lines.at(-1)!) as string[])[0] : undefined
  const stream = events(`${url}/${encodeURIComponent(name)}`, {
    ...(lastEventId !== undefined && { lastEventId }),
    retry: { reconnectionTimeMs: 100, maxBackoffMs: 1000 },
  })
  for await (const { type, data, lastEventId: id } of stream)
    appendFileSync(path, `${JSON.stringify([id, type, data])}\n`)
  appendFileSync(path, '["end"]\n')
}
