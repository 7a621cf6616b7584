// The process in which the model answers. Takes the stream over from whoever wrote it before, and goes on
// where that stopped.
import { connectStream, HubError } from 'headwater'
import { askModel } from './model.ts'

const stream = connectStream(process.argv[2] ?? '', {
  headers: { authorization: `Bearer ${process.env.SECRET}` },
})
try {
  const { events } = await stream.takeOver()
  const question = events.find(({ type }) => type === 'question')?.data ?? ''
  const answered = events.filter(({ type }) => type === 'message').length
  await stream.pipe(askModel(question, { after: answered, signal: stream.signal }))
} catch (error) {
  // It is over, or another producer has it: then there is nothing to do.
  if (!(error instanceof HubError) || !error.code.startsWith('STREAM_')) throw error
}
