/** What the compiler must accept and refuse about frames. Checked with the types of the tests; never run. */
import { encodeComment, encodeEvent, encodeRetry, type Frame } from '../../src/protocol/index.ts'

export const frames: Frame[] = [encodeEvent({ data: 'x' }), encodeComment(), encodeRetry(1000)]
export const text: string = encodeEvent({ data: 'x' })

// @ts-expect-error a string is no frame, however much it looks like one
export const fromString: Frame = 'data: x\n\n'

// @ts-expect-error nor are two frames joined: join the bytes, or write one after the other
export const joined: Frame = encodeComment() + encodeRetry(1000)

// @ts-expect-error nor is a piece of one
export const piece: Frame = encodeEvent({ data: 'x' }).slice(1)

// @ts-expect-error nor can one be made by hand
export const made: Frame = Object.assign('data: x\n\n', { encoded: true as const })

// @ts-expect-error an event has data
encodeEvent({ id: '1' })

// @ts-expect-error which is text: its JSON, say
encodeEvent({ data: { price: 1 } })

// @ts-expect-error an id is text too
encodeEvent({ data: 'x', id: 7 })

// @ts-expect-error a reconnection time is a number
encodeRetry('1000')
