import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import { defineEvents, text } from '../../src/protocol/event-map.ts'

// One map in three libraries: what it takes at the sender and gives at the receiver is the same.

export const zodEvents = defineEvents({
  tick: z.object({ at: z.string().transform((at) => new Date(at)), items: z.array(z.number()) }),
  name: z.string().min(1),
  note: text(),
  level: text(z.enum(['low', 'high'])),
  message: z.number(),
})

export const valibotEvents = defineEvents({
  tick: v.object({
    at: v.pipe(
      v.string(),
      v.transform((at) => new Date(at)),
    ),
    items: v.array(v.number()),
  }),
  name: v.pipe(v.string(), v.minLength(1)),
  note: text(),
  level: text(v.picklist(['low', 'high'])),
  message: v.number(),
})

export const arktypeEvents = defineEvents({
  tick: type({ at: type('string').pipe((at) => new Date(at)), items: 'number[]' }),
  name: type('string > 0'),
  note: text(),
  level: text(type("'low' | 'high'")),
  message: type('number'),
})

export const libraries = [
  ['zod', zodEvents],
  ['valibot', valibotEvents],
  ['arktype', arktypeEvents],
] as const

/** What a sender gives. */
export interface Given {
  tick: { at: string; items: number[] }
  name: string
  note: string
  level: 'low' | 'high'
  message: number
}

/** What a receiver gets. */
export interface Got {
  tick: { at: Date; items: number[] }
  name: string
  note: string
  level: 'low' | 'high'
  message: number
}
